import { notFound } from '../../shared/errors.ts';
import { type Invoice, publicInvoice } from '../../shared/model/billing.ts';
import { getInvoice, invoicesOf } from '../../shared/store/billing/invoices.ts';
import { isBilled, ledgerBetween } from '../../shared/store/billing/ledger.ts';
import { requireBilling } from '../billing/stripe.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor, limitOf } from './page.ts';

const INVOICE_ID = /^in_[A-Za-z0-9]{1,64}$/;

/** A page of the tenant's invoices, newest first, as Stripe last said they are. Throws billing_off. */
export async function listInvoices(
  deps: ApiDeps,
  caller: Caller,
  query: { cursor?: string; limit?: string },
): Promise<{ invoices: Invoice[]; next_cursor: string | null }> {
  requireBilling(deps);
  const after = decodeCursor('invoices', query.cursor, INVOICE_ID);
  const all = await invoicesOf(deps.store, caller.tenantId);
  const start = after === undefined ? 0 : all.findIndex((each) => each.invoice_id === after) + 1;
  const page = all.slice(start, start + limitOf(query.limit));
  const last = page.at(-1);
  const more = start + page.length < all.length;
  return {
    invoices: page.map(publicInvoice),
    next_cursor: more && last !== undefined ? encodeCursor('invoices', last.invoice_id) : null,
  };
}

/**
 * The jobs of an invoice's metered line, one row each, as CSV (RFC 4180). There are as many rows as the line
 * has jobs. Throws billing_off, not_found.
 */
export async function invoiceJobs(deps: ApiDeps, caller: Caller, invoiceId: string): Promise<string> {
  const invoice = await getInvoice(deps.store, caller.tenantId, invoiceId);
  if (invoice === undefined) throw notFound('invoice');
  requireBilling(deps);
  const { period } = invoice;
  const rows =
    period === null ? [] : await ledgerBetween(deps.store, caller.tenantId, period.start, period.end);
  const lines = rows.filter(isBilled).map((row) => `${row.job_id},${row.agent},${row.billable_at}`);
  return ['job_id,agent,billable_at', ...lines, ''].join('\r\n');
}
