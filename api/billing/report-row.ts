import { isoTime } from '../../shared/clock.ts';
import type { LedgerRow } from '../../shared/model/billing.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import {
  readClosed,
  fixMeteredAt,
  getLedgerRow,
  ledgerBetween,
  settleRow,
} from '../../shared/store/billing/ledger.ts';
import type { ApiDeps } from '../deps.ts';
import { raiseBillingAlert } from './alert.ts';
import { meterTotal } from './meter-total.ts';
import type { Billing } from './stripe.ts';

const HOUR_MS = 3_600_000;
/** Stripe recognises a repeated identifier for 24 hours; an hour is kept in hand. */
const RECOGNISED_MS = 23 * HOUR_MS;
const MINUTE_MS = 60_000;
const ROUNDS = 5;

/** Stripe counts what it took with a delay of minutes. Source: Stripe, "Record usage for billing with the API". */
const COUNTED_AFTER_MS = HOUR_MS;

/**
 * Tells Stripe of one ledger row and takes it out of the outbox; false when it must wait there. The time it
 * counts for is fixed before, so a repetition is the same request. Throws what Stripe's client throws when the
 * outcome is not known: the row stays and is sent again.
 */
export async function reportRow(
  deps: ApiDeps,
  billing: Billing,
  tenant: TenantRecord,
  row: LedgerRow,
): Promise<boolean> {
  const { stripe_customer_id: customer } = tenant;
  // No customer, no subscription: nothing could have billed it.
  if (customer === null) return settleRow(deps.store, row, 'unmetered');
  const fixed = await fixTime(deps, row);
  if (fixed === undefined || fixed.outbox === undefined) return true;
  const since = Date.parse(fixed.metering_since ?? fixed.billable_at);
  if (deps.clock.now() - since > RECOGNISED_MS) return settleUnknown(deps, billing, customer, fixed);
  return send(deps, billing, customer, fixed, identifierOf(fixed));
}

const identifierOf = (row: LedgerRow): string => row.meter_identifier ?? row.job_id;

/** The row with the time that it counts for; undefined when it is gone. */
async function fixTime(deps: ApiDeps, row: LedgerRow): Promise<LedgerRow | undefined> {
  let current: LedgerRow | undefined = row;
  for (let round = 0; round < ROUNDS && current !== undefined; round += 1) {
    if (current.metered_at !== undefined) return current;
    const closed = await readClosed(deps.store, row.tenant_id);
    const { until } = closed ?? {};
    const at = until !== undefined && until > current.billable_at ? until : current.billable_at;
    const fixed = await fixMeteredAt(deps.store, current, at, until);
    if (fixed !== undefined) return fixed;
    current = await getLedgerRow(deps.store, row.tenant_id, row.job_id);
  }
  return current;
}

async function send(
  deps: ApiDeps,
  billing: Billing,
  customer: string,
  row: LedgerRow,
  identifier: string,
): Promise<boolean> {
  const stripe = await billing.stripe();
  try {
    await stripe.billing.meterEvents.create(
      {
        event_name: billing.config.meterEvent,
        identifier,
        timestamp: Math.floor(Date.parse(row.metered_at ?? row.billable_at) / 1000),
        payload: { stripe_customer_id: customer, value: '1' },
      },
      { idempotencyKey: identifier },
    );
  } catch (error) {
    if (isTooOld(error)) {
      raiseBillingAlert(deps, 'billing.usage_expired', { tenant_id: row.tenant_id, job_id: row.job_id });
      return settleRow(deps.store, row, 'expired');
    }
    if (!isDuplicate(error)) throw error;
  }
  return settleRow(deps.store, row, 'reported');
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

const isTooOld = (error: unknown): boolean => codeOf(error) === 'timestamp_too_far_in_past';

/** The identifier is known: an earlier attempt arrived, whatever became of its answer. */
const isDuplicate = (error: unknown): boolean =>
  codeOf(error) === 'duplicate_meter_event' ||
  (error instanceof Error && /already exists with identifier/.test(error.message));

/**
 * A row whose outcome has been unknown for so long that Stripe may no longer recognise it. It is never sent
 * again blindly: what Stripe counted in its minute, less what is known to be there, says whether it arrived.
 * What was reported just now may not be counted yet, and would hide that this one is: then it waits.
 */
async function settleUnknown(
  deps: ApiDeps,
  billing: Billing,
  customer: string,
  row: LedgerRow,
): Promise<boolean> {
  const minute = Math.floor(Date.parse(row.metered_at ?? row.billable_at) / MINUTE_MS) * MINUTE_MS;
  const [counted, rows] = await Promise.all([
    meterTotal(billing, customer, minute, minute + MINUTE_MS),
    ledgerBetween(deps.store, row.tenant_id, isoTime(minute), isoTime(minute + MINUTE_MS)),
  ]);
  const reported = rows.filter((each) => each.report_outcome === 'reported');
  if (counted > reported.length) return settleRow(deps.store, row, 'reported');
  const counts = deps.clock.now() - COUNTED_AFTER_MS;
  if (reported.some((each) => Date.parse(each.reported_at ?? '') > counts)) return false;
  // Nothing of it arrived: a new name, since Stripe may or may not still know the old one.
  return send(deps, billing, customer, row, `${identifierOf(row)}:${minute}`);
}
