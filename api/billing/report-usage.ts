import { describeError } from '../../shared/errors.ts';
import type { LedgerRow } from '../../shared/model/billing.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { getLedgerRow, ledgerBetween, meteredAt } from '../../shared/store/billing/ledger.ts';
import { dueEntries, LEDGER_SHARDS, tenantOfKey } from '../../shared/store/billing/outbox.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import type { ApiDeps } from '../deps.ts';
import { closeWindow } from './close-window.ts';
import { invoiceRecord } from './invoice-record.ts';
import { reportRow } from './report-row.ts';
import type { Billing } from './stripe.ts';

/** Tenants that are reported beside each other. */
const LANES = 8;

/**
 * Reports every ledger row that Stripe does not have yet. One serial lane a tenant: Stripe takes one call at a
 * time for each customer and meter. A tenant whose rows fail waits for the next run; the others go on. Answers
 * how many rows left the outbox.
 */
export async function reportUsage(
  deps: ApiDeps,
  billing: Billing,
): Promise<{ reported: number; failed: number }> {
  const lanes = [...(await waitingJobs(deps))];
  let reported = 0;
  let failed = 0;
  const work = async (): Promise<void> => {
    for (let lane = lanes.pop(); lane !== undefined; lane = lanes.pop()) {
      const [tenantId, jobIds] = lane;
      try {
        reported += await reportLane(deps, billing, tenantId, jobIds);
      } catch (error) {
        failed += 1;
        deps.log.warn('billing.report_failed', { tenant_id: tenantId, ...describeError(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  return { reported, failed };
}

async function waitingJobs(deps: ApiDeps): Promise<Map<string, string[]>> {
  const waiting = new Map<string, string[]>();
  for (let shard = 0; shard < LEDGER_SHARDS; shard += 1) {
    for await (const { key } of dueEntries(deps.store, `ledger#${shard}`)) {
      const tenantId = tenantOfKey(key) ?? '';
      waiting.set(tenantId, [...(waiting.get(tenantId) ?? []), key.sk.slice('LEDGER#'.length)]);
    }
  }
  return waiting;
}

async function reportLane(
  deps: ApiDeps,
  billing: Billing,
  tenantId: string,
  jobIds: readonly string[],
): Promise<number> {
  const tenant = await getTenant(deps.store, tenantId);
  if (tenant === undefined) return 0;
  const rows: LedgerRow[] = [];
  for (const jobId of jobIds) {
    const row = await getLedgerRow(deps.store, tenantId, jobId);
    if (row !== undefined) rows.push(row);
  }
  return reportRows(deps, billing, tenant, rows);
}

/** Reports what a tenant still has in a window, read strongly. Throws when an attempt's outcome is not known. */
export async function drainWindow(
  deps: ApiDeps,
  billing: Billing,
  tenant: TenantRecord,
  window: { start: string; end: string },
): Promise<void> {
  await reportRows(
    deps,
    billing,
    tenant,
    await ledgerBetween(deps.store, tenant.id, window.start, window.end),
  );
}

/** Stripe finalises a draft that nobody holds an hour after its creation; ten minutes are kept in hand. */
const DRAFT_STAYS_MS = 50 * 60_000;

/** Those that wait in the outbox, one after the other. Answers how many left it. */
async function reportRows(
  deps: ApiDeps,
  billing: Billing,
  tenant: TenantRecord,
  rows: readonly LedgerRow[],
): Promise<number> {
  const waiting = rows.filter((row) => row.outbox !== undefined);
  const oldest = waiting.map(meteredAt).toSorted()[0];
  if (oldest === undefined) return 0;
  // Stripe would take usage of a window whose invoice has left, and bill it never.
  const late = deps.clock.now() - Date.parse(oldest) > DRAFT_STAYS_MS;
  if (late) await closeFinalInvoices(deps, billing, tenant, oldest);
  let reported = 0;
  for (const row of waiting) {
    // Carried over meanwhile, it counts at another time.
    const current = late ? await getLedgerRow(deps.store, tenant.id, row.job_id) : row;
    if (current?.outbox !== undefined && (await reportRow(deps, billing, tenant, current))) reported += 1;
  }
  return reported;
}

/** Closes the windows of invoices that were made since then and can no longer change. */
async function closeFinalInvoices(
  deps: ApiDeps,
  billing: Billing,
  { id, stripe_customer_id: customer }: TenantRecord,
  since: string,
): Promise<void> {
  if (customer === null) return;
  const stripe = await billing.stripe();
  const created = { gte: Math.floor(Date.parse(since) / 1000) };
  for await (const invoice of stripe.invoices.list({ customer, created, limit: 100 })) {
    if (invoice.status !== 'draft') await closeWindow(deps, id, invoiceRecord(billing.config, id, invoice));
  }
}
