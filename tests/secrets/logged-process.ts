import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A server process of Outpost whose every byte of output is kept in a file. */
export type LoggedProcess = {
  readonly name: string;
  readonly pid: number;
  readonly endpoint: string;
  /** Standard output and standard error so far. */
  readonly text: () => string;
  stop(): Promise<number>;
};

const ROOT = join(import.meta.dir, '../..');
const STOP_GRACE_MS = 60_000;
const START_MS = 120_000;

/** Starts an entry with exactly this environment (and PATH) and waits for its line `{"endpoint": ...}`. */
export async function startLogged(options: {
  name: string;
  entry: string;
  args?: readonly string[];
  env: Readonly<Record<string, string>>;
  folder: string;
}): Promise<LoggedProcess> {
  const { name, entry, args = [], env, folder } = options;
  const files = [join(folder, `${name}.out`), join(folder, `${name}.err`)] as const;
  const child = Bun.spawn([process.execPath, join(ROOT, 'cli/supervised.ts'), join(ROOT, entry), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdin: 'pipe',
    stdout: Bun.file(files[0]),
    stderr: Bun.file(files[1]),
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const text = (): string => files.map((file) => readFileSync(file, 'utf8')).join('\n');
  const deadline = performance.now() + START_MS;
  let endpoint: string | undefined;
  while (endpoint === undefined) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`${name}:\n${text()}`);
    await Bun.sleep(20);
    endpoint = /^\{.*"endpoint":"([^"]+)".*\}$/m.exec(text())?.[1];
  }
  return {
    name,
    pid: child.pid,
    endpoint,
    text,
    async stop() {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      const code = await child.exited;
      clearTimeout(forced);
      return code;
    },
  };
}
