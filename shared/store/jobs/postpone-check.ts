import { JobRecord } from '../../model/job.ts';
import { fromItem, type Store } from '../store.ts';
import { updateItem } from '../update-item.ts';
import { jobKey } from './job-state.ts';

const HOUR_MS = 3_600_000;

/** How long an unfinished job may stay silent before its next check: doubles up to an hour. */
export const checkDelayMs = (checks: number, resendSeconds: number): number =>
  Math.min(resendSeconds * 1000 * 2 ** Math.min(checks, 20), HOUR_MS);

/**
 * Moves the next check of a job that is looked at now, before its message is sent again. Undefined when the
 * job changed meanwhile: then somebody else looks after it.
 */
export async function postponeCheck(
  store: Store,
  job: JobRecord,
  resendSeconds: number,
): Promise<JobRecord | undefined> {
  const item = await updateItem(store, 'jobs', jobKey(job.tenant_id, job.job_id), {
    set: {
      next_check_at: store.clock.now() + checkDelayMs(job.checks, resendSeconds),
      checks: job.checks + 1,
    },
    condition: '#status = :status AND #attempt = :attempt AND #next_check_at = :seen',
    values: { status: job.status, attempt: job.attempt, seen: job.next_check_at },
  });
  return item && fromItem(JobRecord, item);
}

/** Gives whatever was started for a job so many seconds from now before anybody looks. Nothing when it changed. */
export async function allowTime(store: Store, job: JobRecord, seconds: number): Promise<void> {
  await updateItem(store, 'jobs', jobKey(job.tenant_id, job.job_id), {
    set: { next_check_at: store.clock.now() + seconds * 1000 },
    condition: '#status = :status AND #attempt = :attempt',
    values: { status: job.status, attempt: job.attempt },
  });
}
