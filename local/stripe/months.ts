/**
 * The instant `months` after an anchor, in epoch seconds: always counted from the anchor itself, on the last
 * day of a month that is too short. https://docs.stripe.com/billing/subscriptions/billing-cycle
 */
export function addMonths(anchor: number, months: number): number {
  const from = new Date(anchor * 1000);
  const moved = new Date(anchor * 1000);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const days = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(from.getUTCDate(), days));
  return moved.getTime() / 1000;
}

/** The end of the billing cycle that begins at `start`. */
export function cycleEnd(anchor: number, start: number): number {
  let months = 1;
  while (addMonths(anchor, months) <= start) months += 1;
  return addMonths(anchor, months);
}
