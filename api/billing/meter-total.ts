import type { Billing } from './stripe.ts';

/** What Stripe counted for a customer in a window of whole minutes; both ends in epoch milliseconds. */
export async function meterTotal(
  billing: Billing,
  customer: string,
  from: number,
  to: number,
): Promise<number> {
  if (to <= from) return 0;
  const stripe = await billing.stripe();
  let total = 0;
  // One summary of the whole window, unless Stripe chooses to cut it.
  const summaries = stripe.billing.meters.listEventSummaries(billing.config.meterId, {
    customer,
    start_time: from / 1000,
    end_time: to / 1000,
  });
  for await (const summary of summaries) total += summary.aggregated_value;
  return total;
}
