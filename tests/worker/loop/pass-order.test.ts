import { expect, test } from 'bun:test';
import { LOW_FIRST_EVERY, passOrder } from '../../../worker/loop/next-message.ts';

/** Which queue each pass takes from while these are never empty. */
const served = (passes: number, full: readonly string[]): (string | undefined)[] =>
  Array.from({ length: passes }, (_, index) => passOrder(index + 1).find((queue) => full.includes(queue)));

test('every pass looks at every queue', () => {
  for (let pass = 1; pass <= 2 * LOW_FIRST_EVERY; pass += 1) {
    expect([...passOrder(pass)].toSorted()).toEqual(['high', 'low', 'normal']);
  }
});

test('full queues above keep low waiting for a bounded number of jobs', () => {
  const order = served(10 * LOW_FIRST_EVERY, ['high', 'normal', 'low']);
  for (let start = 0; start + LOW_FIRST_EVERY <= order.length; start += 1) {
    expect(order.slice(start, start + LOW_FIRST_EVERY)).toContain('low');
    expect(order.slice(start, start + LOW_FIRST_EVERY)).toContain('normal');
  }
  expect(order.filter((queue) => queue === 'high').length).toBeGreaterThan(order.length / 2);
});

test('a pass that begins with high is the rule', () => {
  expect(passOrder(1)).toEqual(['high', 'normal', 'low']);
});
