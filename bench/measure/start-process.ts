import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A process that is measured. It writes its log to a file: reading it would take this process's time. */
export type Process = {
  readonly pid: number;
  readonly logFile: string;
  /** The lines of JSON that it has logged so far. */
  logs(): Record<string, unknown>[];
  /** SIGTERM, and SIGKILL when that does not end it; resolves when it is gone. */
  stop(): Promise<void>;
};

/** One that serves: its first line of JSON says where. */
export type Server = Process & { readonly endpoint: string };

const ROOT = join(import.meta.dirname, '../..');
const STOP_GRACE_MS = 20_000;
const START_MS = 240_000;
const LOOK_MS = 10;

type Start = {
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
};

/** Starts any command that runs until SIGINT. It ends with this process. */
export const startCommand = (argv: readonly string[], start: Start): Process =>
  spawn([join(ROOT, 'bench/measure/supervise-command.ts'), ...argv], start);

/**
 * Starts an entry with exactly this environment (and PATH) and waits for its line `{"endpoint": ...}`. It ends
 * with this process. Throws with its log when it ends before or takes minutes.
 */
export async function startServer(entry: string, start: Start): Promise<Server> {
  const server = spawn([join(ROOT, 'cli/supervised.ts'), resolve(ROOT, entry)], start);
  const deadline = performance.now() + START_MS;
  for (;;) {
    const hello = server.logs().find((line) => 'endpoint' in line);
    if (hello !== undefined) return { ...server, endpoint: String(hello['endpoint']) };
    if (server.ended() || performance.now() > deadline) {
      await server.stop();
      throw new Error(`${entry} does not serve:\n${readFileSync(start.logFile, 'utf8')}`);
    }
    await Bun.sleep(LOOK_MS);
  }
}

function spawn(argv: readonly string[], { logFile, env = {} }: Start): Process & { ended(): boolean } {
  const log = openSync(logFile, 'a', 0o600);
  const child = Bun.spawn([process.execPath, ...argv], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdin: 'pipe',
    stdout: log,
    stderr: log,
  });
  closeSync(log);
  return {
    pid: child.pid,
    logFile,
    logs: () => parseLines(readFileSync(logFile, 'utf8')),
    ended: () => child.exitCode !== null || child.signalCode !== null,
    stop: async () => {
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      await child.exited;
      clearTimeout(forced);
    },
  };
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => {
      const logged: Record<string, unknown> = JSON.parse(line);
      return logged;
    });
}
