import { describe, expect, test } from 'bun:test';
import { createClock } from '../../shared/clock.ts';

const TRUE_TIME = Date.parse('2026-03-01T12:00:00.400Z');

/** AWS's Date header at a moment: whole seconds. */
const header = (milliseconds: number): string =>
  new Date(Math.floor(milliseconds / 1000) * 1000).toUTCString();

describe('the clock', () => {
  test.each([-600_000, -60_000, -5_000, 5_000, 60_000, 600_000])(
    'of a machine that is wrong by %d ms is right within a second and a half after one answer',
    (skew) => {
      const clock = createClock(() => TRUE_TIME + skew);
      expect(clock.now() - TRUE_TIME).toBe(skew);
      clock.observe(header(TRUE_TIME), 20);
      expect(Math.abs(clock.now() - TRUE_TIME)).toBeLessThanOrEqual(1_500);
    },
  );

  test.each([-300, 0, 300, 900])(
    'of a machine that is wrong by %d ms, which no header can tell, is left alone',
    (skew) => {
      const clock = createClock(() => TRUE_TIME + skew);
      clock.observe(header(TRUE_TIME), 20);
      expect(clock.now()).toBe(TRUE_TIME + skew);
    },
  );

  test('is set once, and not moved to and fro by later answers that agree', () => {
    let elapsed = 0;
    const clock = createClock(() => TRUE_TIME + elapsed + 600_000);
    clock.observe(header(TRUE_TIME), 20);
    const offset = clock.now() - TRUE_TIME;
    for (; elapsed < 10_000; elapsed += 137) clock.observe(header(TRUE_TIME + elapsed), 20);
    expect(clock.now() - TRUE_TIME - elapsed).toBeCloseTo(offset, -3);
  });

  test('returns to the machine’s own time when that was put right', () => {
    let skew = 600_000;
    const clock = createClock(() => TRUE_TIME + skew);
    clock.observe(header(TRUE_TIME), 20);
    skew = 0;
    clock.observe(header(TRUE_TIME), 20);
    expect(clock.now()).toBe(TRUE_TIME);
  });

  test('ignores a header that is no date', () => {
    const clock = createClock(() => TRUE_TIME);
    for (const text of ['', 'yesterday', 'NaN']) clock.observe(text, 20);
    expect(clock.now()).toBe(TRUE_TIME);
  });
});
