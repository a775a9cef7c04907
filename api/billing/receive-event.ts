import { type } from 'arktype';
import { OutpostError } from '../../shared/errors.ts';
import { transact } from '../../shared/store/transact.ts';
import type { ApiDeps } from '../deps.ts';
import { raiseBillingAlert } from './alert.ts';
import { tenantOfCustomer } from './customer.ts';
import { type EventLease, eventDone, leaseEvent, releaseEvent } from './event-record.ts';
import { takeInvoice } from './gate.ts';
import { askStripe, type Billing } from './stripe.ts';
import { syncTenant } from './sync-tenant.ts';
import type { StripeEvent } from './verify-event.ts';

export type Received = 'done' | 'repeated' | 'ignored';

/**
 * Does what an event asks for, once however often it comes. Its payload names the tenant and the invoice and
 * nothing else: what they are now, Stripe is asked. Throws unavailable while another process works on it.
 */
export async function receiveEvent(deps: ApiDeps, billing: Billing, event: StripeEvent): Promise<Received> {
  if (METER_ERRORS.some((each) => each === event.type)) return meterError(deps, billing, event);
  const { customer, invoice } = subjectOf(event);
  const tenantId = customer === undefined ? undefined : await tenantOfCustomer(deps.store, customer);
  if (tenantId === undefined) return 'ignored';
  const subject = { tenantId, invoice, changesTenant: changesTenant(event.type) };
  return once(deps, event, (lease) => handle(deps, billing, subject, lease));
}

/** Runs `work`, which must commit the event's record as done, unless that was done before. */
async function once(
  deps: ApiDeps,
  event: StripeEvent,
  work: (lease: EventLease) => Promise<void>,
): Promise<Received> {
  const state = await leaseEvent(deps.store, event.id);
  if (state.kind === 'done') return 'repeated';
  if (state.kind === 'busy') {
    throw new OutpostError('unavailable', 'This event is being worked on.', { retryAfterSeconds: 5 });
  }
  try {
    await work(state.lease);
  } catch (error) {
    await releaseEvent(deps.store, state.lease);
    throw error;
  }
  return 'done';
}

/**
 * Stripe took usage with 200 and then could not count it: an operator must look. What it says of them is
 * fetched, since the event is thin; the gate keeps the invoice back until the counts agree.
 */
const meterError = (deps: ApiDeps, billing: Billing, event: StripeEvent): Promise<Received> =>
  once(deps, event, async (lease) => {
    const report = await askStripe(billing, (stripe) => stripe.v2.core.events.retrieve(event.id));
    const data = MeterErrors(report);
    const errors = data instanceof type.errors ? [] : data.data.reason.error_types;
    raiseBillingAlert(deps, 'billing.meter_error', {
      event_id: event.id,
      errors: errors.map(({ code, error_count: count, sample_errors: samples }) => ({
        code,
        count,
        identifiers: samples.map(({ request }) => request.identifier),
      })),
    });
    await transact(deps.store, [eventDone(lease)]);
  });

const MeterErrors = type({
  data: {
    reason: {
      error_types: type({
        code: 'string',
        error_count: 'number',
        sample_errors: type({ request: { identifier: 'string' } }).array(),
      }).array(),
    },
  },
});

async function handle(
  deps: ApiDeps,
  billing: Billing,
  subject: { tenantId: string; invoice: string | undefined; changesTenant: boolean },
  lease: EventLease,
): Promise<void> {
  if (subject.invoice !== undefined) await takeInvoice(deps, billing, subject.tenantId, subject.invoice);
  if (subject.changesTenant) await syncTenant(deps, billing, subject.tenantId, [eventDone(lease)]);
  else await transact(deps.store, [eventDone(lease)]);
}

/** The events that the webhook endpoint subscribes to; each other one is answered and ignored. */
export const EVENTS = [
  'customer.subscription.created',
  'customer.subscription.updated',
  'customer.subscription.deleted',
  'checkout.session.completed',
  'invoice.created',
  'invoice.finalized',
  'invoice.payment_succeeded',
  'invoice.payment_failed',
] as const;

/** Events of API v2, sent to a destination of their own. */
export const METER_ERRORS = [
  'v1.billing.meter.error_report_triggered',
  'v1.billing.meter.no_meter_found',
] as const;

const INVOICE_ONLY: readonly string[] = ['invoice.created', 'invoice.finalized'];

const changesTenant = (kind: string): boolean => !INVOICE_ONLY.includes(kind);

/** The ids in an event of a kind that is handled. */
function subjectOf(event: StripeEvent): { customer?: string; invoice?: string } {
  if (!('data' in event) || !EVENTS.some((each) => each === event.type)) return {};
  const { id, customer: named } = event.data.object;
  const customer = typeof named === 'string' ? named : undefined;
  return {
    ...(customer === undefined ? {} : { customer }),
    ...(id !== undefined && event.type.startsWith('invoice.') ? { invoice: id } : {}),
  };
}
