import { notFound, OutpostError } from '../../shared/errors.ts';
import { type TenantRecord, WORKING_STATUSES } from '../../shared/model/tenant.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { ConditionFailed } from '../../shared/store/transact.ts';
import type { ApiDeps } from '../deps.ts';

/** A tenant that is not deleted. Throws not_found. */
export async function findTenant(deps: ApiDeps, tenantId: string): Promise<TenantRecord> {
  const tenant = await getTenant(deps.store, tenantId);
  if (tenant === undefined || tenant.status === 'deleted') throw notFound('tenant');
  return tenant;
}

const ROUNDS = 8;

/**
 * Reads a tenant and changes it; begins again when somebody else changed it in between. Throws not_found,
 * conflict.
 */
export async function withTenant<T>(
  deps: ApiDeps,
  tenantId: string,
  change: (tenant: TenantRecord) => Promise<T>,
): Promise<T> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const tenant = await findTenant(deps, tenantId);
    try {
      return await change(tenant);
    } catch (error) {
      if (!(error instanceof ConditionFailed) || !error.failed.has('tenant')) throw error;
    }
  }
  throw new OutpostError('conflict', 'The tenant changes too fast. Try again.', { retryAfterSeconds: 1 });
}

/**
 * Row A3 for a key that is itself what a transaction rewrites, so that the transaction cannot check it apart:
 * throws forbidden when its tenant may not change anything now. The tenant's revision makes it hold at the
 * commit; that the key is not revoked is a condition of the rewriting.
 */
export function requireWorkingTenant(tenant: TenantRecord): void {
  if (WORKING_STATUSES.includes(tenant.status)) return;
  throw new OutpostError('forbidden', `The tenant is ${tenant.status} and may not change anything now.`);
}
