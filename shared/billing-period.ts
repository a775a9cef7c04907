/**
 * Billing periods are months counted from an anchor, always from the original one (Jan 31 -> Feb 28 ->
 * Mar 31), in UTC. Source: facts on billing, and Stripe's billing_cycle_anchor.
 */
export type BillingPeriod = { readonly start: string; readonly end: string };

/** The period that `at` lies in. Both are epoch milliseconds; a time before the anchor counts into the first. */
export function billingPeriod(anchor: number, at: number): BillingPeriod {
  const from = new Date(anchor);
  const until = new Date(at);
  let months =
    (until.getUTCFullYear() - from.getUTCFullYear()) * 12 + until.getUTCMonth() - from.getUTCMonth();
  while (months > 0 && anchored(from, months) > at) months -= 1;
  const first = Math.max(months, 0);
  return {
    start: new Date(anchored(from, first)).toISOString(),
    end: new Date(anchored(from, first + 1)).toISOString(),
  };
}

/** The anchor moved by whole months, on the last day of a month that is too short. */
function anchored(anchor: Date, months: number): number {
  const year = anchor.getUTCFullYear();
  const month = anchor.getUTCMonth() + months;
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(
    year,
    month,
    Math.min(anchor.getUTCDate(), lastDay),
    anchor.getUTCHours(),
    anchor.getUTCMinutes(),
    anchor.getUTCSeconds(),
    anchor.getUTCMilliseconds(),
  );
}
