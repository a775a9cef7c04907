import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { JobRecord } from '../../model/job.ts';
import type { TenantRecord } from '../../model/tenant.ts';
import { effectiveLimits } from '../../plans.ts';
import { slotsKey, workspaceKey } from '../item-keys.ts';
import { getItem, type Store } from '../store.ts';
import { updateItem } from '../update-item.ts';
import { jobKey, parkedForSlot, parkedForWorkspace } from './job-state.ts';

/**
 * Parks a pending job until a slot or its workspace is free: the end of another job promotes it. The blocker
 * is looked at again after the job was parked, because its end may have come in between and found nobody to
 * promote. False when the job should be claimed again at once.
 */
export async function parkJob(
  store: Store,
  job: JobRecord,
  waitsFor: 'slot' | 'workspace',
  tenant: TenantRecord,
): Promise<boolean> {
  const parkedFor =
    waitsFor === 'slot' ? parkedForSlot(job.tenant_id) : parkedForWorkspace(job.tenant_id, job.workspace);
  const parked = await updateItem(store, 'jobs', jobKey(job.tenant_id, job.job_id), {
    set: { parked_for: parkedFor },
    condition: '#status = :pending AND #attempt = :attempt',
    values: { pending: 'pending', attempt: job.attempt },
  });
  if (parked === undefined) return false;
  return waitsFor === 'slot' ? slotsFull(store, tenant) : workspaceTaken(store, job);
}

/**
 * Parks a pending job that a claim would park: for whoever would start something only for that claim. False when
 * the job may be claimed, as far as anyone can tell before.
 */
export async function parkIfBlocked(store: Store, job: JobRecord, tenant: TenantRecord): Promise<boolean> {
  if (job.status !== 'pending') return false;
  if (await slotsFull(store, tenant)) return parkJob(store, job, 'slot', tenant);
  return (await workspaceTaken(store, job)) && parkJob(store, job, 'workspace', tenant);
}

async function slotsFull(store: Store, tenant: TenantRecord): Promise<boolean> {
  const item = await getItem(store, 'tenants', slotsKey(tenant.id));
  const running: unknown = item === undefined ? 0 : unmarshall(item)['running'];
  const cap = effectiveLimits(tenant.plan, tenant.limits).concurrent_jobs;
  return cap !== null && typeof running === 'number' && running >= cap;
}

const workspaceTaken = async (store: Store, job: JobRecord): Promise<boolean> =>
  (await getItem(store, 'tenants', workspaceKey(job.tenant_id, job.workspace))) !== undefined;
