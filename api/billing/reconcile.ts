import { describeError } from '../../shared/errors.ts';
import { invoicesOf } from '../../shared/store/billing/invoices.ts';
import { allTenantIds } from '../../shared/store/tenants/all-tenant-ids.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import type { ApiDeps } from '../deps.ts';
import { putDifference } from './alert.ts';
import { closeWindow } from './close-window.ts';
import { invoiceRecord } from './invoice-record.ts';
import { isSameInvoice, refreshInvoice } from './refresh-invoice.ts';
import type { Billing } from './stripe.ts';
import { syncTenant } from './sync-tenant.ts';

/** Invoices of a tenant that are looked at again: the last year's. */
const INVOICES_READ = 24;

export type Reconciliation = {
  readonly tenants: number;
  readonly invoices: number;
  /** Invoices whose jobs are not the ledger's. */
  readonly differences: readonly { readonly tenant_id: string; readonly invoice_id: string }[];
  /** Tenants that could not be compared. */
  readonly failed: readonly string[];
};

/**
 * Once a day: every tenant is made what Stripe says, whatever events were lost, and every final invoice is held
 * against the ledger. The report goes to the log, and differences to the metric that an alarm watches.
 */
export async function reconcile(deps: ApiDeps, billing: Billing): Promise<Reconciliation> {
  let tenants = 0;
  let invoices = 0;
  const differences: { tenant_id: string; invoice_id: string }[] = [];
  const failed: string[] = [];
  for await (const tenantId of allTenantIds(deps.store)) {
    try {
      const checked = await reconcileTenant(deps, billing, tenantId);
      tenants += 1;
      invoices += checked.invoices;
      differences.push(
        ...checked.different.map((invoiceId) => ({ tenant_id: tenantId, invoice_id: invoiceId })),
      );
    } catch (error) {
      failed.push(tenantId);
      deps.log.warn('billing.reconcile_failed', { tenant_id: tenantId, ...describeError(error) });
    }
  }
  const report = { tenants, invoices, differences, failed };
  deps.log.info('billing.reconciled', report);
  putDifference(deps, differences.length);
  return report;
}

async function reconcileTenant(
  deps: ApiDeps,
  billing: Billing,
  tenantId: string,
): Promise<{ invoices: number; different: string[] }> {
  const known = await getTenant(deps.store, tenantId);
  if (known === undefined || (known.status === 'deleted' && known.stripe_customer_id === null)) {
    return { invoices: 0, different: [] };
  }
  const tenant = await syncTenant(deps, billing, tenantId);
  const customer = tenant?.stripe_customer_id ?? known.stripe_customer_id;
  if (customer === null) return { invoices: 0, different: [] };
  const stored = new Map(
    (await invoicesOf(deps.store, tenantId)).map((each) => [each.invoice_id, each] as const),
  );
  const stripe = await billing.stripe();
  const { data } = await stripe.invoices.list({ customer, limit: INVOICES_READ });
  const different: string[] = [];
  for (const invoice of data) {
    const listed = invoiceRecord(billing.config, tenantId, invoice);
    const before = stored.get(invoice.id);
    const { record } =
      before !== undefined && isSameInvoice(before, listed)
        ? { record: listed }
        : await refreshInvoice(deps, billing, tenantId, invoice.id);
    if (record.status !== 'draft' && !(await closeWindow(deps, tenantId, record))) {
      different.push(record.invoice_id);
    }
  }
  return { invoices: data.length, different };
}
