import type Stripe from 'stripe';
import { OutpostError } from '../../shared/errors.ts';
import { type InvoiceRecord, publicInvoice } from '../../shared/model/billing.ts';
import { getInvoice, storeInvoice } from '../../shared/store/billing/invoices.ts';
import type { ApiDeps } from '../deps.ts';
import { invoiceRecord } from './invoice-record.ts';
import { askStripe, type Billing } from './stripe.ts';

const ROUNDS = 8;

/**
 * Stores an invoice as Stripe has it, by the rule for tenants: Stripe is asked after the stored one was read,
 * and the answer is written only if nobody wrote in between. Throws unavailable when Stripe does not answer.
 */
export async function refreshInvoice(
  deps: ApiDeps,
  billing: Billing,
  tenantId: string,
  invoiceId: string,
): Promise<{ readonly invoice: Stripe.Invoice; readonly record: InvoiceRecord }> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await getInvoice(deps.store, tenantId, invoiceId);
    const invoice = await askStripe(billing, (stripe) => stripe.invoices.retrieve(invoiceId));
    const record = invoiceRecord(billing.config, tenantId, invoice);
    if (before !== undefined && isSameInvoice(before, record)) return { invoice, record };
    if (await storeInvoice(deps.store, before, record)) return { invoice, record };
  }
  throw new OutpostError('conflict', 'The invoice changes too fast. Try again.', { retryAfterSeconds: 1 });
}

/** Whether Stripe says of an invoice what is stored of it. */
export const isSameInvoice = (stored: InvoiceRecord, asked: InvoiceRecord): boolean =>
  textOf(stored) === textOf(asked);

/** A stored item's fields come in any order. */
function textOf(record: InvoiceRecord): string {
  const { period, ...fields } = publicInvoice(record);
  return JSON.stringify([period?.start, period?.end, ...Object.entries(fields).map(String).toSorted()]);
}
