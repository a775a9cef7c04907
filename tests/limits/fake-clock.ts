import type { Clock } from '../../shared/clock.ts';

/** A clock that stands still until a test moves it. */
export type FakeClock = Clock & { advance(milliseconds: number): void };

export function createFakeClock(start: number): FakeClock {
  let now = start;
  return {
    now: () => now,
    monotonic: () => now,
    advance(milliseconds) {
      now += milliseconds;
    },
  };
}
