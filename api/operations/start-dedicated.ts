import { describeError } from '../../shared/errors.ts';
import { isTerminal, type JobRecord } from '../../shared/model/job.ts';
import { parseJobMessage } from '../../shared/queue/job-message.ts';
import { sendJob } from '../../shared/queue/send-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { leaseExpired } from '../../shared/store/jobs/job-state.ts';
import { parkIfBlocked } from '../../shared/store/jobs/park-job.ts';
import { allowTime } from '../../shared/store/jobs/postpone-check.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import type { ApiDeps } from '../deps.ts';
import { putMetric } from '../metric.ts';

/** Starts tasks that belong to one tenant. */
export type DedicatedTasks = {
  /** Asks for a task that runs this job and ends. The same token asks for the same task. Throws when refused. */
  start(task: { tenantId: string; jobId: string; token: string }): Promise<void>;
};

type Deps = Pick<ApiDeps, 'store' | 'queues' | 'clock' | 'log'> & {
  readonly settings: Pick<ApiDeps['settings'], 'environment' | 'resendSeconds'>;
};

/**
 * What became of a message: `started` a task; `idle`: the job has ended or runs; `parked`: it waits for a slot or
 * its workspace, for which no task need start; `returned`: its tenant is the pool's again, and so is its message.
 */
export type Start = 'started' | 'idle' | 'parked' | 'returned';

/** A task is given so many times what a message is given before it is sent again. */
const START_ALLOWANCE = 5;

/**
 * Starts the task of a dedicated tenant for the job of a message, by the records and never by the message alone.
 * Harmless when it starts too many: the claim decides which of them runs the job. Throws when the message is none
 * or the task was refused: then the message comes back, ends among the dead letters, and the job, still pending, is
 * sent again by whoever finds it there, and by the sweeper.
 */
export async function startDedicated(
  deps: Deps,
  tasks: DedicatedTasks,
  { body, token }: { body: string; token: string },
): Promise<Start> {
  const message = parseJobMessage(body);
  if (message === undefined) throw new Error('not a job message');
  const { tenant_id: tenantId, job_id: jobId } = message;
  const [job, tenant] = await Promise.all([
    getJob(deps.store, tenantId, jobId),
    getTenant(deps.store, tenantId),
  ]);
  if (job === undefined || tenant === undefined || !isToBeDone(deps, job)) return 'idle';
  if (tenant.isolation !== 'dedicated') {
    await sendJob(deps.queues, job);
    return 'returned';
  }
  if (await parkIfBlocked(deps.store, job, tenant)) return 'parked';
  try {
    await tasks.start({ tenantId, jobId, token });
  } catch (error) {
    deps.log.error('dedicated.not_started', { tenant_id: tenantId, job_id: jobId, ...describeError(error) });
    putMetric(deps, 'dedicated.refused', { name: 'DedicatedStartsRefused', unit: 'Count', value: 1 });
    throw error;
  }
  deps.log.info('dedicated.started', { tenant_id: tenantId, job_id: jobId });
  // Or the sweeper would have another task started while this one pulls its image.
  await allowTime(deps.store, job, START_ALLOWANCE * deps.settings.resendSeconds);
  return 'started';
}

const isToBeDone = ({ clock }: Deps, job: JobRecord): boolean =>
  !isTerminal(job.status) && (job.status === 'pending' || leaseExpired(job, clock.now()));
