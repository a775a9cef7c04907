import { describe, expect, test } from 'bun:test';
import { DOCUMENTED, simulate } from '../../bench/scaling/simulate.ts';
import { addedFor, inSteps, outPolicies } from '../../stacks/constructs/scaling-steps.ts';

const burst = Array.from({ length: 10 }, () => 100);
const FIVE_MINUTES = 300;

describe('steps', () => {
  test('add one task for every five messages, whatever the maximum', () => {
    for (const maximum of [1, 20, 21, 50, 500]) {
      const policies = outPolicies(maximum);
      expect(policies.every(({ steps }) => steps.length <= 20)).toBe(true);
      for (let backlog = 1; backlog < maximum * 5 + 50; backlog += 1) {
        // An alarm fires above its threshold, so a multiple of 100 is still the policy's below: one step less.
        const exact = Math.min(maximum, Math.floor(backlog / 5) + 1);
        expect([exact, exact - 1]).toContain(addedFor(backlog, policies));
      }
      expect(addedFor(0, policies)).toBe(0);
    }
  });

  test('take exactly the idle tasks, 20 at most', () => {
    const taken = (idle: number): number | undefined =>
      inSteps.find(
        ({ metricIntervalLowerBound, metricIntervalUpperBound = 'Infinity' }) =>
          idle - 1 >= Number(metricIntervalLowerBound) && idle - 1 < Number(metricIntervalUpperBound),
      )?.scalingAdjustment;
    expect([1, 2, 19, 20, 50].map(taken)).toEqual([-1, -2, -19, -20, -20]);
  });
});

describe('the simulation', () => {
  test('reaches 50 workers from none, and from one, within five minutes', () => {
    for (const minimum of [0, 1]) {
      expect(simulate(burst, { ...DOCUMENTED, minimum }).secondsToMaximum).toBeLessThan(FIVE_MINUTES);
    }
  });

  test('does every job exactly once', () => {
    const { samples, secondsToEmpty } = simulate(burst, DOCUMENTED);
    expect(secondsToEmpty).toBeGreaterThan(DOCUMENTED.jobSeconds);
    expect(samples.at(-1)?.backlog).toBe(0);
    expect(samples.every(({ workers, desired }) => workers <= 50 && desired <= 50)).toBe(true);
  });

  test('has one worker too many for a single job, which still waits while its worker boots', () => {
    const { samples } = simulate([1], DOCUMENTED);
    expect(Math.max(...samples.map(({ workers }) => workers))).toBe(2);
  });

  test('has none without the push until SQS has reported', () => {
    const first = simulate([1], { ...DOCUMENTED, wakeDelay: Infinity }).samples.find(
      ({ desired }) => desired > 0,
    );
    expect(first?.at).toBeGreaterThanOrEqual(DOCUMENTED.metricDelay);
  });
});
