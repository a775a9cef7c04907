import { describeError } from '../../shared/errors.ts';
import { isTerminal } from '../../shared/model/job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import type { StopSignals, WorkerDeps } from '../deps.ts';
import type { Health } from '../health.ts';
import { LaunchError } from '../launcher/error.ts';
import { handle } from './loop.ts';

/**
 * Runs the one job that this worker was started for, as the loop runs the job of a message, or finds that there is
 * nothing to do. False when it failed: then the job goes on with its next message. Throws LaunchError.
 */
export const runOnly = async (
  deps: WorkerDeps,
  health: Health,
  signals: StopSignals,
  { tenantId, jobId }: { readonly tenantId: string; readonly jobId: string },
): Promise<boolean> => {
  health.ready = true;
  try {
    const job = await getJob(deps.store, tenantId, jobId);
    if (job === undefined || isTerminal(job.status)) {
      deps.log.info('job.not_claimed', { tenant_id: tenantId, job_id: jobId, reason: 'ended' });
      return true;
    }
    const { priority } = job;
    const message = { v: 1, tenant_id: tenantId, job_id: jobId, priority } as const;
    await handle(
      deps,
      health,
      { priority, message, receiptHandle: null, receiveCount: 1, sentAt: null },
      signals,
    );
    return true;
  } catch (error) {
    if (error instanceof LaunchError) throw error;
    deps.log.error('worker.pass_failed', describeError(error));
    return false;
  } finally {
    health.ready = false;
  }
};
