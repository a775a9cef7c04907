import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { readLines } from './lines.ts';

/** A process that `bun start` has spawned, whether it serves yet or not. */
export type Spawned = {
  readonly name: string;
  /** Ends only when told to; false for a task that ends when its job does. */
  readonly lasting: boolean;
  /**
   * Resolves with the exit code when it has ended, for whatever reason, and so has all that holds its output:
   * a worker that had to be killed leaves a watchdog that still has its agent to kill.
   */
  readonly exited: Promise<number>;
  /** SIGTERM, and SIGKILL when it does not end in time. */
  stop(graceMs: number): Promise<void>;
};

/** A server process that serves. */
export type Child = Spawned & {
  readonly endpoint: string;
  /** What it said of itself in its first line. */
  readonly hello: Readonly<Record<string, unknown>>;
};

const ROOT = join(import.meta.dirname, '..', '..');
const LAST_LINES = 12;

/** A child that ended before it served. The message has its last lines. */
export class ChildFailed extends Error {
  override readonly name = 'ChildFailed';
}

/**
 * Starts an entry with exactly this environment in a session of its own, so that Ctrl-C reaches it only
 * through us, hands it to `onSpawn` at once, writes what it prints to a log file, and waits for its line
 * `{"endpoint": ...}`. Throws ChildFailed when it ends before.
 */
export async function startChild(options: {
  name: string;
  entry: string;
  args?: readonly string[];
  env: Readonly<Record<string, string>>;
  logFolder: string;
  watch: boolean;
  /** True when absent. */
  lasting?: boolean;
  onSpawn: (spawned: Spawned) => void;
}): Promise<Child> {
  const { name, entry, args = [], env, logFolder, watch, onSpawn } = options;
  const child = Bun.spawn(
    [
      process.execPath,
      ...(watch ? ['--watch'] : []),
      join(ROOT, 'cli/supervised.ts'),
      join(ROOT, entry),
      ...args,
    ],
    { cwd: ROOT, env, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', detached: true },
  );
  const log = openSync(join(logFolder, `${name}.log`), 'a', 0o600);
  const last: string[] = [];
  let hello: ((line: Record<string, unknown>) => void) | undefined;
  const keep = (line: string): void => {
    writeSync(log, `${line}\n`);
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
    if (hello !== undefined && line.startsWith('{"endpoint"')) hello(JSON.parse(line));
  };
  const drained = Promise.all([readLines(child.stdout, keep), readLines(child.stderr, keep)]);
  const exited = child.exited.then(async (code) => {
    await drained;
    closeSync(log);
    return code;
  });
  const spawned: Spawned = {
    name,
    lasting: options.lasting ?? true,
    exited,
    async stop(graceMs) {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(forced);
    },
  };
  onSpawn(spawned);
  const said = await new Promise<Record<string, unknown>>((resolve, reject) => {
    hello = resolve;
    void exited.then((code) =>
      reject(
        new ChildFailed(`${name} ended with code ${code}:\n${last.map((line) => `    ${line}`).join('\n')}`),
      ),
    );
  });
  hello = undefined;
  return { ...spawned, endpoint: String(said['endpoint']), hello: said };
}
