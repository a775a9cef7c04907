/** What a benchmark has started and must end, whatever happens to it. */
export type Cleanup = {
  /** Registers what ends one thing; the last registered runs first. */
  add(end: () => Promise<unknown> | void): void;
};

/** Runs `work` and then everything that it registered. What cannot be ended is printed, and hides no failure of `work`. */
export async function withCleanup<T>(work: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const ends: (() => Promise<unknown> | void)[] = [];
  try {
    return await work({ add: (end) => void ends.push(end) });
  } finally {
    const problems: unknown[] = [];
    for (const end of ends.toReversed()) {
      try {
        await end();
      } catch (error) {
        problems.push(error);
      }
    }
    if (problems.length > 0) console.error('not cleaned up:', ...problems);
  }
}
