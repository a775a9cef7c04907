import type Stripe from 'stripe';
import { isoTime } from '../../shared/clock.ts';
import { type InvoiceRecord, InvoiceStatus } from '../../shared/model/billing.ts';
import type { BillingConfig } from './config.ts';

/** The invoice's line of billable jobs; undefined when it has none (a first fee, a change of plan). */
export const meteredLine = (
  config: BillingConfig,
  invoice: Stripe.Invoice,
): Stripe.InvoiceLineItem | undefined =>
  invoice.lines.data.find((line) => config.jobPrices.includes(priceOf(line) ?? ''));

function priceOf(line: Stripe.InvoiceLineItem): string | undefined {
  const price = line.pricing?.price_details?.price;
  return typeof price === 'string' ? price : price?.id;
}

/** A window of usage in ISO time, its start included and its end not. */
export const windowOf = (line: Stripe.InvoiceLineItem): { start: string; end: string } => ({
  start: isoTime(line.period.start * 1000),
  end: isoTime(line.period.end * 1000),
});

/** An invoice of Stripe as Outpost keeps it. */
export function invoiceRecord(
  config: BillingConfig,
  tenantId: string,
  invoice: Stripe.Invoice,
): InvoiceRecord {
  const line = meteredLine(config, invoice);
  return {
    tenant_id: tenantId,
    invoice_id: invoice.id,
    number: invoice.number,
    status: InvoiceStatus.assert(invoice.status),
    currency: invoice.currency,
    total: invoice.total,
    amount_due: invoice.amount_due,
    jobs: line === undefined ? null : (line.quantity ?? 0),
    period: line === undefined ? null : windowOf(line),
    created_at: isoTime(invoice.created * 1000),
    hosted_url: invoice.hosted_invoice_url ?? null,
  };
}
