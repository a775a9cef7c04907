import type { Failure, TerminalStatus } from '../../shared/model/job.ts';
import type { AgentVerdict } from '../agents/parser.ts';
import type { AgentExit } from '../launcher/launch.ts';

/** Why the worker stopped waiting for the agent. */
export type Ending = 'exited' | 'cancelled' | 'timed_out' | 'lease_lost' | 'stopping';

export type AttemptOutcome = {
  readonly status: TerminalStatus;
  readonly failure: Failure | null;
  readonly exitCode: number | null;
};

/**
 * How an attempt ended: cancelled before timed out before the agent's own terminal event before its exit code,
 * because exit codes are no status (gemini exits 0 on SIGTERM, claude after denied tools).
 */
export const judge = (
  ending: Ending,
  exit: AgentExit,
  verdict: AgentVerdict | null,
  job: { readonly timeout_seconds: number; readonly cancel_reason?: string },
): AttemptOutcome => {
  const { exitCode } = exit;
  if (ending === 'cancelled') {
    const message = job.cancel_reason ?? 'Cancelled by the tenant.';
    return { status: 'cancelled', failure: { code: 'cancelled', message }, exitCode };
  }
  if (ending === 'timed_out') {
    const message = `The agent ran longer than ${job.timeout_seconds} s.`;
    return { status: 'timed_out', failure: { code: 'timed_out', message }, exitCode };
  }
  if (verdict !== null) {
    return verdict.ok
      ? { status: 'succeeded', failure: null, exitCode }
      : { status: 'failed', failure: { code: verdict.code, message: verdict.message }, exitCode };
  }
  if (exitCode === 0) return { status: 'succeeded', failure: null, exitCode };
  const message =
    exitCode === null ? `The agent was ended by ${exit.signal}.` : `The agent exited with code ${exitCode}.`;
  return { status: 'failed', failure: { code: 'agent_error', message }, exitCode };
};

/** Whether a failed attempt is repeated: only an agent that ran and failed, and only as often as the job asks. */
export const isRetried = (
  outcome: AttemptOutcome,
  job: { readonly agent_failures: number; readonly max_attempts: number },
): boolean => outcome.status === 'failed' && job.agent_failures + 1 < job.max_attempts;
