import { within } from './within.ts';

export type Service = {
  readonly pid: number;
  readonly exited: Promise<void>;
  isRunning(): boolean;
  write(text: string): void;
  /** Closes its stdin, which tells it to end. */
  endInput(): void;
  kill(): void;
  /** Whether the first thing it prints, within the time, is `expected`. */
  answers(expected: string, timeoutMs: number): Promise<boolean>;
};

/**
 * Starts a long-lived helper of ours that listens on its stdin: in a session of its own, so that it outlives a
 * killed parent and the terminal's signals, in `/` and without an environment. Its stderr is ours.
 */
export function spawnService(argv: readonly string[]): Service {
  const child = Bun.spawn([...argv], {
    cwd: '/',
    env: {},
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    detached: true,
  });
  return {
    pid: child.pid,
    exited: child.exited.then(() => undefined),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    write(text) {
      // One that cannot be written to is of no use any more; its end shows in `exited`.
      const giveUp = (): void => child.kill('SIGKILL');
      Promise.resolve(child.stdin.write(text))
        .then(() => child.stdin.flush())
        .catch(giveUp);
    },
    endInput: () => void child.stdin.end(),
    kill: () => child.kill('SIGKILL'),
    async answers(expected, timeoutMs) {
      const reader = child.stdout.getReader();
      const first = await within(reader.read(), timeoutMs);
      return first?.value !== undefined && new TextDecoder().decode(first.value) === expected;
    },
  };
}
