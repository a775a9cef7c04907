import { describeError } from '../../shared/errors.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { getLedgerRow, ledgerBetween } from '../../shared/store/billing/ledger.ts';
import { dueEntries, LEDGER_SHARDS, tenantOfKey } from '../../shared/store/billing/outbox.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import type { ApiDeps } from '../deps.ts';
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
  let reported = 0;
  for (const jobId of jobIds) {
    const row = await getLedgerRow(deps.store, tenantId, jobId);
    if (row?.outbox === undefined) continue;
    if (await reportRow(deps, billing, tenant, row)) reported += 1;
  }
  return reported;
}

/** Reports what a tenant still has in a window, read strongly. Throws when an attempt's outcome is not known. */
export async function drainWindow(
  deps: ApiDeps,
  billing: Billing,
  tenant: TenantRecord,
  window: { start: string; end: string },
): Promise<void> {
  const rows = await ledgerBetween(deps.store, tenant.id, window.start, window.end);
  for (const row of rows) {
    if (row.outbox !== undefined) await reportRow(deps, billing, tenant, row);
  }
}
