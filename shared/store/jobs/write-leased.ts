import { JobRecord } from '../../model/job.ts';
import type { Change } from '../expression.ts';
import { fromItem, type Store } from '../store.ts';
import { updateItem } from '../update-item.ts';
import type { Lease } from './claim-job.ts';
import { jobKey } from './job-state.ts';

/**
 * Changes a running job under its fencing token and answers the job as it is now; undefined when the lease is
 * no longer held: then nothing was written.
 */
export async function writeLeased(
  store: Store,
  lease: Lease,
  change: Change,
): Promise<JobRecord | undefined> {
  const item = await updateItem(store, 'jobs', jobKey(lease.tenantId, lease.jobId), {
    ...change,
    condition: '#status = :running AND #lease_token = :token',
    values: { ...change.values, running: 'running', token: lease.token },
  });
  return item && fromItem(JobRecord, item);
}

/** Prolongs the lease from now. Undefined when it is lost. */
export function heartbeat(store: Store, lease: Lease, leaseSeconds: number): Promise<JobRecord | undefined> {
  const expires = store.clock.now() + leaseSeconds * 1000;
  return writeLeased(store, lease, { set: { lease_expires_at: expires, next_check_at: expires } });
}

/** Records up to which event earlier attempts count; what a lost worker wrote beyond is dropped by readers. */
export function sealAttempts(
  store: Store,
  lease: Lease,
  sealed: Readonly<Record<string, number>>,
): Promise<JobRecord | undefined> {
  return writeLeased(store, lease, { set: { sealed } });
}

/** Records that an agent process is about to start: from here on the job counts for quota and bill. */
export function markAgentStarted(store: Store, lease: Lease, at: string): Promise<JobRecord | undefined> {
  return writeLeased(store, lease, {
    setTo: { agent_started_at: 'if_not_exists(#agent_started_at, :at)' },
    values: { at },
  });
}
