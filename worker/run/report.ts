import type { JobRecord } from '../../shared/model/job.ts';
import type { WorkerDeps } from '../deps.ts';
import type { AttemptOutcome } from './outcome.ts';

/** What became of an attempt: the job has ended, is pending again, or belongs to another claim. */
export type Settlement = 'ended' | 'handed_back' | 'retrying' | 'lease_lost';

/** Writes the one canonical line of an attempt, and counts the end of its job. `log` names job and tenant. */
export const report = (
  deps: Pick<WorkerDeps, 'log' | 'metrics'>,
  job: JobRecord,
  settled: Settlement,
  outcome: AttemptOutcome,
  details: Readonly<Record<string, unknown>> = {},
): void => {
  const code = outcome.failure?.code ?? null;
  deps.log.info('job.attempt', {
    agent: job.agent,
    workspace: job.workspace,
    priority: job.priority,
    settled,
    status: outcome.status,
    failure: code,
    exit_code: outcome.exitCode,
    ...details,
  });
  if (settled !== 'ended') return;
  if (code === null) deps.metrics.put({ JobsEnded: 1 });
  else deps.metrics.put({ JobsEnded: 1, JobsFailed: 1 }, { code });
};
