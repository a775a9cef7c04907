import type { JobRecord } from '../../model/job.ts';
import type { TenantRecord } from '../../model/tenant.ts';
import type { Store } from '../store.ts';
import { updateItem } from '../update-item.ts';
import { freeSlots, isWorkspaceFree } from './free-capacity.ts';
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
  return waitsFor === 'slot'
    ? (await freeSlots(store, tenant)) === 0
    : !(await isWorkspaceFree(store, job.tenant_id, job.workspace));
}

/**
 * Parks a pending job that a claim would park: for whoever would start something only for that claim. False when
 * the job may be claimed, as far as anyone can tell before.
 */
export async function parkIfBlocked(store: Store, job: JobRecord, tenant: TenantRecord): Promise<boolean> {
  if (job.status !== 'pending') return false;
  if ((await freeSlots(store, tenant)) === 0) return parkJob(store, job, 'slot', tenant);
  const free = await isWorkspaceFree(store, job.tenant_id, job.workspace);
  return !free && parkJob(store, job, 'workspace', tenant);
}
