import { OutpostError } from '../../shared/errors.ts';
import { transact } from '../../shared/store/transact.ts';
import type { ApiDeps } from '../deps.ts';
import { raiseBillingAlert } from './alert.ts';
import { tenantOfCustomer } from './customer.ts';
import { type EventLease, eventDone, leaseEvent, releaseEvent } from './event-record.ts';
import { takeInvoice } from './gate.ts';
import type { Billing } from './stripe.ts';
import { syncTenant } from './sync-tenant.ts';
import type { StripeEvent } from './verify-event.ts';

export type Received = 'done' | 'repeated' | 'ignored';

/**
 * Does what an event asks for, once however often it comes. Its payload names the tenant and the invoice and
 * nothing else: what they are now, Stripe is asked. Throws unavailable while another process works on it.
 */
export async function receiveEvent(deps: ApiDeps, billing: Billing, event: StripeEvent): Promise<Received> {
  const { customer, invoice } = subjectOf(event);
  if (event.type.startsWith('v1.billing.meter.'))
    raiseBillingAlert(deps, 'billing.meter_error', { event_id: event.id });
  const tenantId = customer === undefined ? undefined : await tenantOfCustomer(deps.store, customer);
  if (tenantId === undefined) return 'ignored';
  const state = await leaseEvent(deps.store, event.id);
  if (state.kind === 'done') return 'repeated';
  if (state.kind === 'busy') {
    throw new OutpostError('unavailable', 'This event is being worked on.', { retryAfterSeconds: 5 });
  }
  try {
    await handle(deps, billing, { tenantId, invoice, changesTenant: changesTenant(event.type) }, state.lease);
  } catch (error) {
    await releaseEvent(deps.store, state.lease);
    throw error;
  }
  return 'done';
}

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

const INVOICE_ONLY: readonly string[] = ['invoice.created', 'invoice.finalized'];

const changesTenant = (type: string): boolean => !INVOICE_ONLY.includes(type);

/** The ids in an event of a kind that is handled. */
function subjectOf(event: StripeEvent): { customer?: string; invoice?: string } {
  if (!EVENTS.some((type) => type === event.type)) return {};
  const { id, customer: named } = event.data.object;
  const customer = typeof named === 'string' ? named : undefined;
  return {
    ...(customer === undefined ? {} : { customer }),
    ...(id !== undefined && event.type.startsWith('invoice.') ? { invoice: id } : {}),
  };
}
