const LOOK_MS = 20;
const PATIENCE_MS = 60_000;

/** Resolves when `done` does with true. Throws Error naming `what` when that takes too long. */
export async function until(
  what: string,
  done: () => Promise<boolean> | boolean,
  withinMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await Bun.sleep(LOOK_MS);
  }
}
