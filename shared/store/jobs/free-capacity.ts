import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { TenantRecord } from '../../model/tenant.ts';
import { effectiveLimits } from '../../plans.ts';
import { slotsKey, workspaceKey } from '../item-keys.ts';
import { getItem, type Store } from '../store.ts';

/** How many more jobs of a tenant may run now: infinitely many without a cap. */
export async function freeSlots(store: Store, tenant: TenantRecord): Promise<number> {
  const cap = effectiveLimits(tenant.plan, tenant.limits).concurrent_jobs;
  if (cap === null) return Number.POSITIVE_INFINITY;
  const item = await getItem(store, 'tenants', slotsKey(tenant.id));
  const running: unknown = item === undefined ? 0 : unmarshall(item)['running'];
  return typeof running === 'number' ? Math.max(0, cap - running) : cap;
}

/** Whether no running job holds this workspace. */
export const isWorkspaceFree = async (store: Store, tenantId: string, workspace: string): Promise<boolean> =>
  (await getItem(store, 'tenants', workspaceKey(tenantId, workspace))) === undefined;
