import type { ApiDeps } from '../deps.ts';
import { putMetric } from '../metric.ts';

/** What an operator must look at: money and records disagree, or Stripe knows what nobody configured. */
export type BillingAlert =
  | 'billing.invoice_differs'
  | 'billing.gate_stuck'
  | 'billing.usage_expired'
  | 'billing.meter_error'
  | 'billing.unknown_price'
  | 'billing.not_flexible';

/** Says it in the log as an error, and as a difference in the metric that an alarm watches. */
export function raiseBillingAlert(
  deps: ApiDeps,
  alert: BillingAlert,
  fields: Readonly<Record<string, unknown>>,
): void {
  deps.log.error(alert, fields);
  putDifference(deps, 1);
}

/**
 * The metric BillingDifference: 0 after a reconciliation without a difference, so that the alarm ends.
 */
export function putDifference(deps: ApiDeps, count: number): void {
  putMetric(deps, 'billing.difference', { name: 'BillingDifference', unit: 'Count', value: count });
}
