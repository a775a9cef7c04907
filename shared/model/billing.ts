import { type } from 'arktype';
import { NonNegativeInteger, notList, Timestamp, Ulid, Uuid } from './primitives.ts';

/**
 * What a tenant owes and may use.
 *
 * Glossary. period: a month counted from the tenant's anchor; quotas and invoices share it. counter: how many
 * jobs of a capped tenant were accepted in a period. ledger: one row a billable job, written with the job's
 * end. outbox: rows that something outside has yet to be told of, found through the index of that name.
 */

/** What Stripe said of a tenant's subscription when it was last asked. Never taken from an event's payload. */
export const BillingState = type({
  subscription_id: 'string | null',
  /** Stripe's own word. https://docs.stripe.com/api/subscriptions/object#subscription_object-status */
  subscription_status: 'string | null',
  /** When the subscription will end, if its end is scheduled. */
  cancel_at: Timestamp.or('null'),
  /** Until when a tenant that failed to pay keeps its plan. */
  grace_until: Timestamp.or('null'),
  synced_at: Timestamp,
});
export type BillingState = typeof BillingState.infer;

/** The counter of a capped tenant's period, as stored. The limit in force lives on it. */
export const UsageCounter = type({
  'used?': 'number.integer',
  'limit?': NonNegativeInteger,
  'resets_at?': Timestamp,
  'refunded?': NonNegativeInteger,
  /** The tenant counts on another period's counter now: nothing may be reserved here. */
  'superseded?': 'boolean',
  /** Of `used`: jobs that were accepted while the tenant had no limit. */
  'carried?': NonNegativeInteger,
  'alerted_80?': Timestamp,
  'alerted_100?': Timestamp,
}).narrow(notList);
export type UsageCounter = typeof UsageCounter.infer;

/** One billable job. */
export const LedgerRow = type({
  tenant_id: Uuid,
  job_id: Ulid,
  agent: 'string',
  /** The terminal time of a job whose agent started. */
  billable_at: Timestamp,
  'usage_period?': 'string',
  /** The second that Stripe was told it happened in; set before it is told, so a repetition says the same. */
  'metered_at?': Timestamp,
  /** When Stripe was first asked to take it. */
  'metering_since?': Timestamp,
  /** The name that Stripe knows it by; the job's id where there is none. Another one once it was carried over. */
  'meter_identifier?': 'string',
  'reported_at?': Timestamp,
  'report_outcome?': "'reported' | 'unmetered' | 'expired'",
  /** Present until Stripe has it. */
  'outbox?': 'string',
});
export type LedgerRow = typeof LedgerRow.infer;

export const ALERT_THRESHOLDS = [80, 100] as const;
export type AlertThreshold = (typeof ALERT_THRESHOLDS)[number];

/** GET /usage. */
export const UsageReport = type({
  period: { start: Timestamp, end: Timestamp },
  /** Jobs that count: accepted under a limit, finished without one. */
  used: NonNegativeInteger,
  limit: NonNegativeInteger.or('null'),
  resets_at: Timestamp,
  alerts: type({ threshold: type.enumerated(...ALERT_THRESHOLDS), raised_at: Timestamp }).array(),
});
export type UsageReport = typeof UsageReport.infer;

export const InvoiceStatus = type("'draft' | 'open' | 'paid' | 'uncollectible' | 'void'");

/** An invoice as its tenant sees it; amounts in the currency's smallest unit. */
export const Invoice = type({
  invoice_id: 'string',
  number: 'string | null',
  status: InvoiceStatus,
  currency: 'string',
  total: 'number.integer',
  amount_due: 'number.integer',
  /** Jobs on the metered line; null when the invoice has none. */
  jobs: NonNegativeInteger.or('null'),
  /** The time that the metered line covers, start included and end not. */
  period: type({ start: Timestamp, end: Timestamp }).or('null'),
  created_at: Timestamp,
  hosted_url: 'string | null',
});
export type Invoice = typeof Invoice.infer;

/** An invoice as stored. */
export const InvoiceRecord = Invoice.and({
  tenant_id: Uuid,
  /** Raised by every write of what Stripe said. */
  'revision?': NonNegativeInteger,
  /** When the finalisation gate let it pass; absent while it waits or where there was nothing to hold. */
  'passed_at?': Timestamp,
  'outbox?': 'string',
});
export type InvoiceRecord = typeof InvoiceRecord.infer;

export const publicInvoice = ({
  tenant_id,
  revision,
  passed_at,
  outbox,
  ...invoice
}: InvoiceRecord): Invoice => invoice;
