import { OutpostError } from '../../shared/errors.ts';
import type { LedgerRow } from '../../shared/model/billing.ts';
import {
  carryOver,
  type Closed,
  closeUntil,
  isBilled,
  ledgerBetween,
  readClosed,
} from '../../shared/store/billing/ledger.ts';
import type { ApiDeps } from '../deps.ts';
import { raiseBillingAlert } from './alert.ts';

/** What matters here of an invoice that can no longer change. */
export type FinalInvoice = {
  readonly invoice_id: string;
  readonly jobs: number | null;
  readonly period: { readonly start: string; readonly end: string } | null;
};

const ROUNDS = 20;

/**
 * Row B3: the jobs of a final invoice are the ledger's. Its window is closed, so that what was not reported
 * counts in the next one. Stripe finalises a draft that nobody held for an hour, and takes usage of its window
 * afterwards without a word: as many rows as the invoice lacks are carried over to the next one, those that were
 * reported last. Which jobs those are does not matter: each costs the same. Raises an alert when the invoice has
 * jobs that the ledger has not; answers whether it has none.
 */
export async function closeWindow(deps: ApiDeps, tenantId: string, invoice: FinalInvoice): Promise<boolean> {
  const { jobs, period, invoice_id: invoiceId } = invoice;
  if (jobs === null || period === null) return true;
  for (let round = 0; round < ROUNDS; round += 1) {
    const closed = await readClosed(deps.store, tenantId);
    if (closed === undefined || closed.until < period.end) {
      await closeUntil(deps.store, tenantId, period.end);
      continue;
    }
    const rows = (await ledgerBetween(deps.store, tenantId, period.start, period.end)).filter(isBilled);
    if (rows.length < jobs) {
      raiseBillingAlert(deps, 'billing.invoice_differs', {
        tenant_id: tenantId,
        invoice_id: invoiceId,
        invoiced: jobs,
        ledger: rows.length,
      });
      return false;
    }
    const lacking = rows.toSorted(byReport).slice(jobs);
    if (await carryAll(deps, lacking, closed, invoiceId)) return true;
  }
  throw new OutpostError('conflict', 'The ledger changes too fast. Try again.', { retryAfterSeconds: 1 });
}

/** What was not reported comes last. */
const byReport = (a: LedgerRow, b: LedgerRow): number =>
  Date.parse(a.reported_at ?? NEVER) - Date.parse(b.reported_at ?? NEVER);

const NEVER = '9999-12-31T00:00:00.000Z';

/** False when something changed meanwhile: then which rows are lacking must be found anew. */
async function carryAll(
  deps: ApiDeps,
  rows: readonly LedgerRow[],
  closed: Closed,
  invoiceId: string,
): Promise<boolean> {
  let current: Closed | undefined = closed;
  for (const row of rows) {
    // Stripe may know a row by its name whose time was fixed, and would not count that name again.
    const name = row.metered_at === undefined ? row.meter_identifier : `${row.job_id}:${invoiceId}`;
    current = await carryOver(deps.store, row, current, name);
    if (current === undefined) return false;
    deps.log.warn('billing.carried_over', {
      tenant_id: row.tenant_id,
      job_id: row.job_id,
      invoice_id: invoiceId,
    });
  }
  return true;
}
