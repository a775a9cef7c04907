import { isTerminal } from '../../shared/model/job.ts';
import { parseJobMessage } from '../../shared/queue/job-message.ts';
import { sendJob } from '../../shared/queue/send-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { leaseExpired } from '../../shared/store/jobs/job-state.ts';
import { postponeCheck } from '../../shared/store/jobs/postpone-check.ts';
import type { ApiDeps } from '../deps.ts';

type JudgeDeps = Pick<ApiDeps, 'store' | 'queues' | 'clock'> & {
  readonly settings: Pick<ApiDeps['settings'], 'resendSeconds'>;
};

export type Judgement = 'kept' | 'resent' | 'running';

/**
 * What to do about a dead letter, by the job record and never by the message alone. `kept`: the job has ended
 * (its failure is on record) or there is none: the letter stays for the operator. `resent`: the job is still to
 * be done, so a fresh message goes out and the letter may go. `running`: a worker has it; the letter may go.
 */
export async function judgeDeadLetter(deps: JudgeDeps, body: string): Promise<Judgement> {
  const message = parseJobMessage(body);
  if (message === undefined) return 'kept';
  const job = await getJob(deps.store, message.tenant_id, message.job_id);
  if (job === undefined || isTerminal(job.status)) return 'kept';
  if (job.status === 'running' && !leaseExpired(job, deps.clock.now())) return 'running';
  await sendJob(deps.queues, job);
  await postponeCheck(deps.store, job, deps.settings.resendSeconds);
  return 'resent';
}
