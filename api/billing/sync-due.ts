import { describeError } from '../../shared/errors.ts';
import { dueEntries, OUTBOXES, tenantOfKey } from '../../shared/store/billing/outbox.ts';
import { postponeSync } from '../../shared/store/billing/sync-due.ts';
import type { ApiDeps } from '../deps.ts';
import type { Billing } from './stripe.ts';
import { syncTenant } from './sync-tenant.ts';

const AGAIN_MS = 60_000;

/**
 * Compares with Stripe whoever is due: tenants that have no customer yet, and those whose grace has ended. One
 * that fails is put off by a minute, and nobody else waits for it. Answers how many were compared.
 */
export async function syncDue(deps: ApiDeps, billing: Billing): Promise<number> {
  let synced = 0;
  for await (const { key, dueAt } of dueEntries(deps.store, OUTBOXES.sync)) {
    const tenantId = tenantOfKey(key) ?? '';
    try {
      await syncTenant(deps, billing, tenantId);
      synced += 1;
    } catch (error) {
      deps.log.warn('billing.sync_failed', { tenant_id: tenantId, ...describeError(error) });
      await postponeSync(deps.store, tenantId, dueAt, AGAIN_MS);
    }
  }
  return synced;
}
