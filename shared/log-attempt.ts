import type { Log, LogFields } from './log.ts';
import type { Failure, JobRecord, TerminalStatus } from './model/job.ts';

/** What became of an attempt: the job has ended, is pending again, or belongs to another claim. */
export type Settlement = 'ended' | 'handed_back' | 'retrying' | 'lease_lost';

type Outcome = {
  readonly status: TerminalStatus;
  readonly failure: Failure | null;
  readonly exitCode?: number | null;
};

/**
 * Writes the one canonical line of an attempt, in the log of whoever settled it: so each job has exactly one that
 * says `settled: ended`, also when it was never started.
 */
export const logAttempt = (
  log: Log,
  job: JobRecord,
  settled: Settlement,
  outcome: Outcome,
  details: LogFields = {},
): void =>
  log.info('job.attempt', {
    job_id: job.job_id,
    tenant_id: job.tenant_id,
    attempt: job.attempt,
    agent: job.agent,
    workspace: job.workspace,
    priority: job.priority,
    settled,
    status: outcome.status,
    failure: outcome.failure?.code ?? null,
    exit_code: outcome.exitCode ?? null,
    ...details,
  });
