import type Stripe from 'stripe';
import { isoTime } from '../../shared/clock.ts';
import { describeError } from '../../shared/errors.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { closeUntil, ledgerBetween } from '../../shared/store/billing/ledger.ts';
import { gateAt, getInvoice, leaveGate } from '../../shared/store/billing/invoices.ts';
import { dueEntries, OUTBOXES, tenantOfKey } from '../../shared/store/billing/outbox.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import type { ApiDeps } from '../deps.ts';
import { raiseBillingAlert } from './alert.ts';
import { closeWindow } from './close-window.ts';
import { tenantOfCustomer } from './customer.ts';
import { meteredLine, windowOf } from './invoice-record.ts';
import { meterTotal } from './meter-total.ts';
import { refreshInvoice } from './refresh-invoice.ts';
import { drainWindow } from './report-usage.ts';
import { askStripe, type Billing } from './stripe.ts';

/**
 * The finalisation gate: a draft with usage is held until Stripe has counted every job of the ledger, so that
 * no invoice leaves with another number than the ledger's. Source: facts on billing.
 */
const MINUTE_MS = 60_000;
const LOOK_AGAIN_MS = 10 * MINUTE_MS;
/** Unequal for longer than this, somebody must look. */
const STUCK_MS = 24 * 60 * MINUTE_MS;
/** Stripe takes no usage that is older. */
const OLDEST_REPORTED_MS = 35 * 24 * 60 * MINUTE_MS;

/**
 * Stores an invoice as Stripe has it; a draft with usage is held and comes to the gate. One that Stripe has
 * closed by itself (nobody held it for an hour) closes its period: what was not reported counts in the next.
 */
export async function takeInvoice(
  deps: ApiDeps,
  billing: Billing,
  tenantId: string,
  invoiceId: string,
): Promise<void> {
  const { invoice, record } = await refreshInvoice(deps, billing, tenantId, invoiceId);
  if (meteredLine(billing.config, invoice) === undefined) return;
  if (invoice.status !== 'draft') {
    await closeWindow(deps, tenantId, record);
    return;
  }
  // In the gate's list before it is held: a draft that is held and in no list would stay a draft.
  await gateAt(deps.store, tenantId, invoiceId, isoTime(deps.clock.now()));
  if (!invoice.auto_advance) return;
  const held = await advance(billing, invoiceId, false);
  // The gate has finalised it meanwhile: held now, it would never be collected.
  if (held.status !== 'draft') await advance(billing, invoiceId, true);
}

/** Lets Stripe finalise and collect an invoice by itself, or keeps it from that. */
const advance = (billing: Billing, invoiceId: string, advances: boolean): Promise<Stripe.Invoice> =>
  askStripe(billing, (stripe) => stripe.invoices.update(invoiceId, { auto_advance: advances }));

/** Finds drafts that no event told of: Stripe finalises one an hour after its creation if nobody holds it. */
export async function holdDrafts(deps: ApiDeps, billing: Billing): Promise<{ unheld: number }> {
  const stripe = await billing.stripe();
  let unheld = 0;
  for await (const invoice of stripe.invoices.list({ status: 'draft', limit: 100 })) {
    if (!invoice.auto_advance) continue;
    try {
      const tenantId = await tenantOfCustomer(deps.store, customerIdOf(invoice));
      if (tenantId !== undefined) await takeInvoice(deps, billing, tenantId, invoice.id);
    } catch (error) {
      unheld += 1;
      deps.log.warn('billing.draft_unheld', { invoice_id: invoice.id, ...describeError(error) });
    }
  }
  return { unheld };
}

const customerIdOf = ({ customer }: Pick<Stripe.Invoice, 'customer'>): string =>
  typeof customer === 'string' ? customer : (customer?.id ?? '');

/** Looks at every invoice that waits. Answers how many passed. */
export async function passInvoices(
  deps: ApiDeps,
  billing: Billing,
): Promise<{ passed: number; held: number }> {
  let passed = 0;
  let held = 0;
  for await (const { key } of dueEntries(deps.store, OUTBOXES.invoice)) {
    const tenantId = tenantOfKey(key) ?? '';
    const invoiceId = key.sk.slice('INVOICE#'.length);
    try {
      if (await passInvoice(deps, billing, tenantId, invoiceId)) passed += 1;
      else held += 1;
    } catch (error) {
      held += 1;
      deps.log.warn('billing.gate_failed', {
        tenant_id: tenantId,
        invoice_id: invoiceId,
        ...describeError(error),
      });
    }
  }
  return { passed, held };
}

async function passInvoice(
  deps: ApiDeps,
  billing: Billing,
  tenantId: string,
  invoiceId: string,
): Promise<boolean> {
  const stripe = await billing.stripe();
  const [invoice, tenant, waiting] = await Promise.all([
    stripe.invoices.retrieve(invoiceId),
    getTenant(deps.store, tenantId),
    getInvoice(deps.store, tenantId, invoiceId),
  ]);
  const line = meteredLine(billing.config, invoice);
  if (tenant === undefined || line === undefined || waiting?.outbox === undefined) return false;
  const window = windowOf(line);
  if (invoice.status !== 'draft') {
    await settle(deps, billing, tenantId, invoiceId);
    return true;
  }
  // What an earlier invoice is still to bill is told before as well: closing would move it on.
  const earlier = isoTime(Date.parse(window.start) - OLDEST_REPORTED_MS);
  await drainWindow(deps, billing, tenant, { start: earlier, end: window.end });
  await closeUntil(deps.store, tenantId, window.end);
  // A row that was written late, with a time in the window that is closed now, counts in the next one.
  await drainWindow(deps, billing, tenant, window);
  if (!(await isComplete(deps, billing, tenant, invoice, window))) return false;
  await stripe.invoices.finalizeInvoice(
    invoiceId,
    { auto_advance: true },
    { idempotencyKey: `final:${invoiceId}` },
  );
  await settle(deps, billing, tenantId, invoiceId);
  return true;
}

/** Whether Stripe has counted what the ledger has, over the same whole minutes; says so when it takes too long. */
async function isComplete(
  deps: ApiDeps,
  billing: Billing,
  tenant: TenantRecord,
  invoice: Stripe.Invoice,
  window: { start: string; end: string },
): Promise<boolean> {
  const from = Math.floor(Date.parse(window.start) / MINUTE_MS) * MINUTE_MS;
  const to = Math.floor(Date.parse(window.end) / MINUTE_MS) * MINUTE_MS;
  const [counted, rows] = await Promise.all([
    meterTotal(billing, customerIdOf(invoice), from, to),
    ledgerBetween(deps.store, tenant.id, isoTime(from), isoTime(to)),
  ]);
  const expected = rows.filter((row) => row.report_outcome === 'reported').length;
  const waiting = rows.some((row) => row.outbox !== undefined);
  // Carried over from the minute that the window begins in, a row may be at Stripe under its first name as well.
  const carried = rows.filter(
    ({ meter_identifier: name, billable_at: at }) =>
      name !== undefined && at < window.start && Date.parse(at) >= from,
  ).length;
  if (counted >= expected && counted <= expected + carried && !waiting) return true;
  const now = deps.clock.now();
  const facts = { tenant_id: tenant.id, invoice_id: invoice.id, counted, expected };
  if (now - invoice.created * 1000 > STUCK_MS) raiseBillingAlert(deps, 'billing.gate_stuck', facts);
  else deps.log.warn('billing.gate_waits', facts);
  await gateAt(deps.store, tenant.id, invoice.id, isoTime(now + LOOK_AGAIN_MS));
  return false;
}

/** A final invoice: stored, and held against the ledger to the last job. */
async function settle(deps: ApiDeps, billing: Billing, tenantId: string, invoiceId: string): Promise<void> {
  const { record } = await refreshInvoice(deps, billing, tenantId, invoiceId);
  await closeWindow(deps, tenantId, record);
  await leaveGate(deps.store, tenantId, invoiceId, isoTime(deps.clock.now()));
}
