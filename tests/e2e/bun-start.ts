import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Credentials } from '../../cli/start/credentials.ts';
import { livingOf, treeOf } from '../harness/process-table.ts';

/** `bun start`, as a person runs it: a process, what it prints and what it leaves in its folder. */

const ROOT = join(import.meta.dir, '../..');
const SERVING = '  Serving ';

export type BunStart = {
  readonly pid: number;
  /** Standard output and standard error so far. */
  printed(): string;
  /** Resolves when it serves. Throws with what it printed when it ends before. */
  readonly serving: Promise<void>;
  readonly exited: Promise<number>;
  /** The processes of the system: this one and all that descend from it. */
  processes(): number[];
  signal(name: NodeJS.Signals): void;
};

export type BunStartOptions = {
  readonly dataDir: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Goes before the command, for example setpriv and its options. */
  readonly prefix?: readonly string[];
};

/** Starts it with nothing of the test's environment but PATH and HOME. The API takes any free port. */
export function bunStart({ dataDir, args = [], env = {}, prefix = [] }: BunStartOptions): BunStart {
  const child = Bun.spawn([...prefix, process.execPath, 'cli/start.ts', ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      OUTPOST_DATA_DIR: dataDir,
      PORT: '0',
      ...env,
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  process.once('exit', () => child.kill('SIGKILL'));
  let printed = '';
  const { promise: serving, resolve, reject } = Promise.withResolvers<void>();
  // Most tests of a start that fails never wait for it to serve.
  void Promise.allSettled([serving]);
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      printed += decoder.decode(chunk, { stream: true });
      if (printed.includes(SERVING)) resolve();
    }
  };
  const drained = Promise.all([read(child.stdout), read(child.stderr)]);
  const exited = child.exited.then(async (code) => {
    await drained;
    reject(new Error(`bun start ended with ${code}:\n${printed}`));
    return code;
  });
  return {
    pid: child.pid,
    printed: () => printed,
    serving,
    exited,
    processes: () => treeOf(child.pid),
    signal: (name) => child.kill(name),
  };
}

export const readCredentials = (dataDir: string): Credentials =>
  Credentials.assert(JSON.parse(readFileSync(join(dataDir, 'credentials.json'), 'utf8')));

/** Until the processes of a stopped system are dead: patience with a busy machine, not a promise. */
const DEAD_WITHIN_MS = 60_000;

/** Waits until none of the processes lives. Throws after a minute. */
export async function untilDead(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + DEAD_WITHIN_MS;
  for (;;) {
    const living = livingOf(pids);
    if (living.length === 0) return;
    if (performance.now() > deadline)
      throw new Error(`alive after ${DEAD_WITHIN_MS} ms: ${living.join(', ')}`);
    await Bun.sleep(100);
  }
}

/** `kill -9` of all of them; one may have ended by itself. */
export function killAtOnce(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
