import process from 'node:process';

/** What a benchmark has started and must end, whatever happens to it. */
export type Cleanup = {
  /** Registers what ends one thing; the last registered runs first. */
  add(end: () => Promise<unknown> | void): void;
};

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs `work` and then everything that it registered, also when this process is told to stop. What cannot be
 * ended is printed, and hides no failure of `work`.
 */
export async function withCleanup<T>(work: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const ends: (() => Promise<unknown> | void)[] = [];
  const cleanUp = async (): Promise<void> => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
      try {
        await end();
      } catch (error) {
        console.error('not cleaned up:', error);
      }
    }
  };
  const stop = (): void => void cleanUp().then(() => process.exit(1));
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    return await work({ add: (end) => void ends.push(end) });
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    await cleanUp();
  }
}
