import { describeError } from '../../shared/errors.ts';
import { failpoint } from '../../shared/failpoint.ts';
import { isTerminal, type JobRecord } from '../../shared/model/job.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { sendJob } from '../../shared/queue/send-job.ts';
import { type JobId, dueJobs } from '../../shared/store/jobs/due-jobs.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { leaseExpired } from '../../shared/store/jobs/job-state.ts';
import { promoteParked } from '../../shared/store/jobs/promote-parked.ts';
import { postponeCheck } from '../../shared/store/jobs/postpone-check.ts';
import { unfinishedDeletions } from '../../shared/store/tenants/delete-tenant-writes.ts';
import type { ApiDeps } from '../deps.ts';
import { wipeTenant } from './delete-tenant.ts';

/** At most so many a shard in one sweep: the rest is due at the next. */
const BATCH = 50;
const PARALLEL = 8;

/**
 * Sends the message of every unfinished job again that has been silent for too long: SQS cannot be asked
 * whether a message is alive, so a pending job is re-sent after a minute, doubling to an hour, and a running
 * one when its lease has expired. Promotes parked jobs whose wake-up was lost. Goes on with deletions of tenants
 * that died half-way. Answers how many were sent. Harmless when it sends too much: claims decide.
 */
export async function sweep(deps: ApiDeps): Promise<{ due: number; sent: number; promoted: number }> {
  const due = await dueJobs(deps.store, BATCH);
  let sent = 0;
  for (let start = 0; start < due.length; start += PARALLEL) {
    const results = await Promise.all(due.slice(start, start + PARALLEL).map((id) => check(deps, id)));
    sent += results.filter(Boolean).length;
  }
  const promoted = await promoteParked(deps.store, BATCH);
  for (const job of promoted) await sendPromoted(deps, job);
  for (const tenant of await unfinishedDeletions(deps.store, BATCH)) await resumeDeletion(deps, tenant);
  return { due: due.length, sent, promoted: promoted.length };
}

/** One that cannot be sent now is due in a minute. */
async function sendPromoted(deps: ApiDeps, job: JobRecord): Promise<void> {
  try {
    await sendJob(deps.queues, job);
  } catch (error) {
    deps.log.error('sweep.failed', {
      tenant_id: job.tenant_id,
      job_id: job.job_id,
      ...describeError(error),
    });
  }
}

/** One deletion that cannot go on now keeps no other from it. */
async function resumeDeletion(deps: ApiDeps, tenant: TenantRecord): Promise<void> {
  try {
    await wipeTenant(deps, tenant);
  } catch (error) {
    deps.log.error('sweep.deletion_failed', { tenant_id: tenant.id, ...describeError(error) });
  }
}

async function check(deps: ApiDeps, id: JobId): Promise<boolean> {
  try {
    const job = await getJob(deps.store, id.tenantId, id.jobId);
    if (job === undefined || isTerminal(job.status)) return false;
    if (job.status === 'running' && !leaseExpired(job, deps.clock.now())) return false;
    // Sent before it is postponed: dying in between sends twice, the other way round would wait for an hour.
    await sendJob(deps.queues, job);
    await failpoint('sweeper.after_send');
    await postponeCheck(deps.store, job, deps.settings.resendSeconds);
    return true;
  } catch (error) {
    deps.log.error('sweep.failed', { tenant_id: id.tenantId, job_id: id.jobId, ...describeError(error) });
    return false;
  }
}
