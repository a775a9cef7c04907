import type { JobRecord } from '../../model/job.ts';
import { auditWrite, platformEntry } from '../audit/entry-write.ts';
import type { Store } from '../store.ts';
import { ConditionFailed, transact } from '../transact.ts';
import type { Lease } from './claim-job.ts';
import { jobKey, tenantStatus } from './job-state.ts';
import { releaseReservations } from './release-reservations.ts';

/**
 * Gives a claimed job back to the queue: it is pending again, its attempt is sealed, its slot and workspace
 * are free. `agent_failed` counts a failure of the agent towards max_attempts; a hand-back counts nothing.
 * The caller then sends a fresh message. False when the lease was no longer held: nothing was written.
 */
export async function handBack(
  store: Store,
  job: JobRecord,
  lease: Lease,
  reason: 'handed_back' | 'agent_failed',
  details: { lastEventId: number; nextCheckAt: number },
): Promise<boolean> {
  const failed = reason === 'agent_failed';
  const action = failed ? 'job.retry' : 'job.hand_back';
  try {
    await transact(store, [
      {
        label: 'job',
        table: 'jobs',
        update: jobKey(job.tenant_id, job.job_id),
        change: {
          set: {
            status: 'pending',
            tenant_status: tenantStatus(job.tenant_id, 'pending'),
            sealed: { ...job.sealed, [job.attempt]: details.lastEventId },
            agent_failures: job.agent_failures + (failed ? 1 : 0),
            next_check_at: details.nextCheckAt,
            checks: 0,
          },
          remove: ['lease_token', 'lease_expires_at', 'lease_worker', 'slot'],
          condition: '#status = :running AND #lease_token = :token',
          values: { running: 'running', token: lease.token },
        },
      },
      ...releaseReservations(job),
      auditWrite(store, platformEntry(store, 'worker', action, job, lease.token)),
    ]);
    return true;
  } catch (error) {
    if (error instanceof ConditionFailed && error.failed.has('job')) return false;
    throw error;
  }
}
