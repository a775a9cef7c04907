import { OutpostError } from '../../shared/errors.ts';
import { isoTime } from '../../shared/clock.ts';
import { logAttempt } from '../../shared/log-attempt.ts';
import { isTerminal, type Job, type JobRecord, publicJob } from '../../shared/model/job.ts';
import { endJob, type Outcome } from '../../shared/store/jobs/end-job.ts';
import { requestCancel } from '../../shared/store/jobs/request-cancel.ts';
import type { ApiDeps } from '../deps.ts';
import type { Change } from '../change.ts';
import { findJob } from './find-job.ts';

/** How often the job may change state under a cancellation before we give up: it has four states in all. */
const ROUNDS = 5;

const CANCELLED: Outcome = {
  status: 'cancelled',
  failure: { code: 'cancelled', message: 'Cancelled by the tenant.' },
};

/**
 * Cancels a job in whatever state it is. Pending: it is cancelled now (200) and can never start. Running: its
 * worker is asked to end it (202) and its whole process tree will be dead within seconds. Cancelled or asked
 * before: the same answer again. Throws job_finished for a job that ended otherwise, not_found.
 */
export async function cancelJob(
  deps: ApiDeps,
  tenantId: string,
  jobId: string,
  change: Change,
): Promise<{ status: 200 | 202; job: Job }> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const job = await findJob(deps, tenantId, jobId);
    if (job.status === 'cancelled') return { status: 200, job: publicJob(job) };
    if (isTerminal(job.status)) {
      throw new OutpostError('job_finished', `The job has already ended: ${job.status}.`);
    }
    if (job.status === 'running' && job.cancel_requested_at !== null)
      return { status: 202, job: publicJob(job) };
    const at = isoTime(deps.clock.now());
    const answered = job.status === 'pending' ? cancelledNow(job, at) : cancelAsked(job, at);
    const writes = change.writes({ status: answered.status, body: answered.job });
    const written = await change.attempt(() =>
      job.status === 'pending'
        ? endJob(deps.store, job, { guard: 'pending' }, { ...CANCELLED, completedAt: at }, writes)
        : requestCancel(deps.store, job, writes, at),
    );
    if (!written) continue;
    if (job.status === 'pending') logAttempt(deps.log, job, 'ended', CANCELLED);
    return answered;
  }
  throw new OutpostError('conflict', 'The job changes too fast. Try again.');
}

const cancelledNow = (job: JobRecord, at: string): { status: 200; job: Job } => ({
  status: 200,
  job: publicJob({ ...job, status: 'cancelled', failure: CANCELLED.failure, completed_at: at }),
});

const cancelAsked = (job: JobRecord, at: string): { status: 202; job: Job } => ({
  status: 202,
  job: publicJob({ ...job, cancel_requested_at: at }),
});
