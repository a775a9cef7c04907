import { isoTime } from '../../clock.ts';
import type { JobRecord } from '../../model/job.ts';
import type { Store } from '../store.ts';
import { ConditionFailed, transact, type Write } from '../transact.ts';
import { jobKey } from './job-state.ts';

/**
 * Asks the worker of a running job to end it. `also` are written in the same transaction (audit,
 * idempotency, checks), `at` is the time of the request. False when the job no longer runs: then nothing was written.
 */
export async function requestCancel(
  store: Store,
  job: JobRecord,
  also: readonly Write[],
  at: string = isoTime(store.clock.now()),
): Promise<boolean> {
  try {
    await transact(store, [
      {
        label: 'job',
        table: 'jobs',
        update: jobKey(job.tenant_id, job.job_id),
        change: {
          set: { cancel_requested_at: at },
          condition: '#status = :running AND #cancel_requested_at = :never',
          values: { running: 'running', never: null },
        },
      },
      ...also,
    ]);
    return true;
  } catch (error) {
    if (error instanceof ConditionFailed && error.failed.has('job')) return false;
    throw error;
  }
}
