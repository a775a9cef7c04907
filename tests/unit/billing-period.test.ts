import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { billingPeriod } from '../../shared/billing-period.ts';

const at = (text: string): number => Date.parse(text);

test.each([
  [
    '2026-01-31T12:00:00.000Z',
    '2026-02-01T00:00:00.000Z',
    '2026-01-31T12:00:00.000Z',
    '2026-02-28T12:00:00.000Z',
  ],
  [
    '2026-01-31T12:00:00.000Z',
    '2026-02-28T12:00:00.000Z',
    '2026-02-28T12:00:00.000Z',
    '2026-03-31T12:00:00.000Z',
  ],
  [
    '2026-01-31T12:00:00.000Z',
    '2026-03-31T11:59:59.999Z',
    '2026-02-28T12:00:00.000Z',
    '2026-03-31T12:00:00.000Z',
  ],
  [
    '2028-01-31T00:00:00.000Z',
    '2028-02-29T00:00:00.000Z',
    '2028-02-29T00:00:00.000Z',
    '2028-03-31T00:00:00.000Z',
  ],
  [
    '2028-02-29T00:00:00.000Z',
    '2029-02-28T00:00:00.000Z',
    '2029-02-28T00:00:00.000Z',
    '2029-03-29T00:00:00.000Z',
  ],
  [
    '2026-12-15T00:00:00.000Z',
    '2027-01-14T23:59:59.999Z',
    '2026-12-15T00:00:00.000Z',
    '2027-01-15T00:00:00.000Z',
  ],
  [
    '2026-05-10T00:00:00.000Z',
    '2020-01-01T00:00:00.000Z',
    '2026-05-10T00:00:00.000Z',
    '2026-06-10T00:00:00.000Z',
  ],
])('anchored at %s, the period of %s begins at %s and ends at %s', (anchor, moment, start, end) => {
  expect(billingPeriod(at(anchor), at(moment))).toEqual({ start, end });
});

const moment = fc.integer({ min: at('2000-01-01T00:00:00.000Z'), max: at('2100-01-01T00:00:00.000Z') });

test('periods contain their moment, follow each other without gap, and are months long', () => {
  fc.assert(
    fc.property(moment, fc.nat({ max: 50 * 365 * 86_400_000 }), (anchor, after) => {
      const { start, end } = billingPeriod(anchor, anchor + after);
      expect(at(start)).toBeLessThanOrEqual(anchor + after);
      expect(at(end)).toBeGreaterThan(anchor + after);
      expect(billingPeriod(anchor, at(end)).start).toBe(end);
      expect(billingPeriod(anchor, at(end) - 1)).toEqual({ start, end });
      const days = (at(end) - at(start)) / 86_400_000;
      expect(days).toBeGreaterThanOrEqual(28);
      expect(days).toBeLessThanOrEqual(31);
      expect(start.slice(10)).toBe(new Date(anchor).toISOString().slice(10));
    }),
    { numRuns: 1_000 },
  );
});
