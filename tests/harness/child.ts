import { join, resolve as resolvePath } from 'node:path';
import { readLines } from '../../cli/start/lines.ts';

/** A server process of Outpost, started by a test. */
export type Child = {
  readonly endpoint: string;
  readonly pid: number;
  /** The lines of JSON that it has logged so far. */
  readonly logs: () => readonly Record<string, unknown>[];
  /** The exit code, when it has ended for whatever reason. */
  readonly exited: Promise<number>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
};

const ROOT = join(import.meta.dir, '../..');
/** What hangs is killed; a worker that hands its job back may take its time. */
const STOP_GRACE_MS = 120_000;

/**
 * Starts an entry with exactly this environment (and PATH) and waits for its line `{"endpoint": ...}`. Throws
 * with what it printed when it ends before.
 */
export async function startChild(entry: string, env: Readonly<Record<string, string>>): Promise<Child> {
  // Ends when this process does, however it does: a killed test run leaves nothing behind.
  const child = Bun.spawn([process.execPath, join(ROOT, 'cli/supervised.ts'), resolvePath(ROOT, entry)], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const logs: Record<string, unknown>[] = [];
  const printed: string[] = [];
  const endpoint = await new Promise<string>((resolve, reject) => {
    void readLines(child.stderr, (line) => printed.push(line));
    void readLines(child.stdout, (line) => {
      printed.push(line);
      const entryOf = parseLine(line);
      if (entryOf === undefined) return;
      logs.push(entryOf);
      if (typeof entryOf['endpoint'] === 'string') resolve(entryOf['endpoint']);
    });
    void child.exited.then((code) =>
      reject(new Error(`${entry} ended with ${code}:\n${printed.join('\n')}`)),
    );
  });
  return {
    endpoint,
    pid: child.pid,
    logs: () => logs,
    exited: child.exited,
    stop: async () => {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      const code = await child.exited;
      clearTimeout(forced);
      return code;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

function parseLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  const value: unknown = JSON.parse(line);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
