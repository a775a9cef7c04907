import { logAttempt, type Settlement } from '../../shared/log-attempt.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import type { WorkerDeps } from '../deps.ts';
import type { AttemptOutcome } from './outcome.ts';

/** Writes the one canonical line of an attempt, and counts the end of its job. */
export const report = (
  deps: Pick<WorkerDeps, 'log' | 'metrics'>,
  job: JobRecord,
  settled: Settlement,
  outcome: AttemptOutcome,
  details: Readonly<Record<string, unknown>> = {},
): void => {
  logAttempt(deps.log, job, settled, outcome, details);
  if (settled !== 'ended') return;
  const code = outcome.failure?.code ?? null;
  if (code === null) deps.metrics.put({ JobsEnded: 1 });
  else deps.metrics.put({ JobsEnded: 1, JobsFailed: 1 }, { code });
};
