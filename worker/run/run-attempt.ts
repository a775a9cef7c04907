import { describeError } from '../../shared/errors.ts';
import { failpoint } from '../../shared/failpoint.ts';
import type { Settlement } from '../../shared/log-attempt.ts';
import { eventId } from '../../shared/model/event.ts';
import type { EventDraft } from '../../shared/model/event.ts';
import type { Failure, JobRecord } from '../../shared/model/job.ts';
import type { ReceivedJob } from '../../shared/queue/receive-jobs.ts';
import type { AgentVerdict } from '../agents/parser.ts';
import type { StopSignals, WorkerDeps } from '../deps.ts';
import { concernsJob, LaunchError } from '../launcher/error.ts';
import { killRemains } from '../launcher/launch.ts';
import type { AgentExit, AgentProcess } from '../launcher/launch.ts';
import type { PipelineResult } from '../output/pipeline.ts';
import { aborted } from '../signals.ts';
import { wipeAfterJob } from '../workspace/workspace.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { isRetried, judge } from './outcome.ts';
import type { AttemptOutcome, Ending } from './outcome.ts';
import { report } from './report.ts';
import { end, giveBack, RETRY_DELAY_SECONDS } from './settle.ts';
import { impossible, prepareAgent, startAgent } from './start-agent.ts';
import type { RunningAgent } from './start-agent.ts';

/** One claimed attempt and what surrounds it. */
export type Attempt = {
  readonly job: JobRecord;
  readonly lease: LeaseKeeper['lease'];
  readonly uid: number | null;
  readonly received: ReceivedJob;
  readonly keeper: LeaseKeeper;
  readonly signals: StopSignals;
};

/** Row J4 gives a process tree 10 s from the request: the worker's look takes 2, the kill up to 8 less this. */
const TERM_GRACE_MAX_MS = 3_000;
/** S3 may be away this long at the end of a job before its last output is given up. */
const FINISH_MS = 120_000;
/** On SIGTERM a job is handed back within 115 s (row W1), of which the rest is for the kill and the record. */
const FINISH_STOPPING_MS = 60_000;
/**
 * Runs one attempt of a claimed job to its settlement: ended, given back, or left alone because the lease is
 * lost. Throws what kept the attempt from being settled.
 */
export const runAttempt = async (deps: WorkerDeps, attempt: Attempt): Promise<void> => {
  const { job, lease, uid, received, keeper, signals } = attempt;
  const nothing = eventId(lease.attempt, 0);
  if (signals.stopping.aborted)
    return void (await giveBack(deps, received, job, lease, 'handed_back', nothing));
  const prepared = await prepareOrGiveBack(deps, attempt);
  if (prepared === null) return;
  if (prepared.kind === 'impossible') return endUnstarted(deps, attempt, prepared.failure);
  try {
    const running = await startAgent(deps, job, keeper, uid, prepared);
    if (running === undefined) return;
    await superviseAgent(deps, { ...attempt, job: running.job }, running, prepared.row.killGraceMs);
  } catch (error) {
    if (!concernsJob(error)) throw error;
    await endUnstarted(deps, attempt, { code: error.code, message: error.message });
  } finally {
    await killRemains(deps.isolation, { uid, jobId: job.job_id });
    // Nothing of the job is alive, and a lease that ends now must not make the watchdog kill the wipe.
    keeper.stop();
    deps.watchdog.release();
    await wipeAfterJob(deps.isolation, { folders: prepared.folders, uid });
  }
};

/** Ends a job whose agent never ran: it does not count, and no repetition would change it. */
const endUnstarted = async (deps: WorkerDeps, attempt: Attempt, failure: Failure): Promise<void> => {
  const { job, lease, received } = attempt;
  const outcome = { status: 'failed', failure, exitCode: null } as const;
  const ended = await end(deps, received, job, lease, {
    ...outcome,
    lastEventId: eventId(lease.attempt, 0),
  });
  report(deps, job, ended ? 'ended' : 'lease_lost', outcome);
};

/** Null when the key could not be read, and the job went back to be tried again: nothing has been started. */
const prepareOrGiveBack = async (deps: WorkerDeps, attempt: Attempt) => {
  const { job, lease, uid, received, keeper, signals } = attempt;
  const stop = AbortSignal.any([signals.stopping, keeper.lost, keeper.cancelled]);
  try {
    return await prepareAgent(deps, job, lease, uid, stop);
  } catch (error) {
    if (concernsJob(error)) return impossible(error.code, error.message);
    if (error instanceof LaunchError) throw error;
    deps.log.warn('job.not_prepared', describeError(error));
    const delay = stop.aborted ? 0 : RETRY_DELAY_SECONDS;
    await giveBack(deps, received, job, lease, 'handed_back', eventId(lease.attempt, 0), delay);
    return null;
  }
};

/** Waits for the agent or for a reason to end it, sees it and everything it started dead, and settles the job. */
const superviseAgent = async (
  deps: WorkerDeps,
  attempt: Attempt,
  { agent, pipeline }: RunningAgent,
  killGraceMs: number,
): Promise<void> => {
  const { job, uid, received, keeper, signals } = attempt;
  const startedAt = deps.clock.monotonic();
  const ending = await waitForEnding(agent, attempt);
  const grace =
    ending === 'lease_lost' || signals.hurry.aborted ? 0 : Math.min(killGraceMs, TERM_GRACE_MAX_MS);
  if (ending !== 'exited') await agent.terminate(grace);
  const exit = await agent.exited;
  const orphans = await killRemains(deps.isolation, { uid, jobId: job.job_id });
  await failpoint('worker.after_exit');

  const result = await pipeline.finish({
    withinMs: ending === 'stopping' ? FINISH_STOPPING_MS : FINISH_MS,
    hurry: AbortSignal.any([signals.hurry, keeper.lost]),
    lastEvents: (verdict) => lastEvents(attempt, ending, exit, verdict),
  });
  await failpoint('worker.after_output');
  const outcome = judge(ending, exit, result.verdict, job);
  const settled = await settle(deps, attempt, ending, outcome, result);
  report(deps, job, settled, outcome, {
    ending,
    orphans,
    run_ms: Math.round(deps.clock.monotonic() - startedAt),
    queue_age_ms:
      received.sentAt === null
        ? null
        : Math.max(0, Math.round(Date.parse(job.started_at ?? '') - received.sentAt)),
    output_bytes: result.rawBytes,
    output_truncated: result.truncated,
    output_lost: result.lost,
    last_event_id: result.lastEventId,
    ...result.usage,
  });
  deps.metrics.put(
    { RunTime: deps.clock.monotonic() - startedAt, OutputBytes: result.rawBytes },
    { agent: job.agent },
  );
};

const waitForEnding = async (agent: AgentProcess, { job, keeper, signals }: Attempt): Promise<Ending> => {
  const decided = new AbortController();
  const timer = Promise.withResolvers<Ending>();
  const timeout = setTimeout(() => timer.resolve('timed_out'), job.timeout_seconds * 1000);
  const on = (signal: AbortSignal, ending: Ending): Promise<Ending> =>
    aborted(signal, decided.signal).then(() => ending);
  try {
    return await Promise.race([
      agent.exited.then((): Ending => 'exited'),
      on(keeper.lost, 'lease_lost'),
      on(keeper.cancelled, 'cancelled'),
      timer.promise,
      on(signals.stopping, 'stopping'),
    ]);
  } finally {
    clearTimeout(timeout);
    decided.abort();
  }
};

/** What the stream says last about an attempt that is not the job's last. */
const lastEvents = (
  { job, lease }: Attempt,
  ending: Ending,
  exit: AgentExit,
  verdict: AgentVerdict | null,
): EventDraft[] => {
  const status = (name: 'handed_back' | 'retrying', message: string): EventDraft[] => [
    { type: 'status', status: name, attempt: lease.attempt, message },
  ];
  if (ending === 'stopping') return status('handed_back', 'The worker stops; another one takes the job.');
  const outcome = judge(ending, exit, verdict, job);
  if (!isRetried(outcome, job)) return [];
  return status('retrying', `Attempt ${lease.attempt} failed: ${outcome.failure?.message ?? ''}`);
};

const settle = async (
  deps: WorkerDeps,
  { job, lease, received, keeper }: Attempt,
  ending: Ending,
  outcome: AttemptOutcome,
  result: PipelineResult,
): Promise<Settlement> => {
  if (ending === 'lease_lost' || !keeper.isHeld()) return 'lease_lost';
  const { lastEventId } = result;
  const back = ending === 'stopping' ? 'handed_back' : 'agent_failed';
  if (back === 'handed_back' || isRetried(outcome, job)) {
    if (!(await giveBack(deps, received, job, lease, back, lastEventId))) return 'lease_lost';
    return back === 'handed_back' ? 'handed_back' : 'retrying';
  }
  const ended = await end(deps, received, job, lease, {
    ...outcome,
    usage: result.usage,
    output: {
      location: result.rawLocation,
      bytes: result.rawBytes,
      truncated: result.truncated || result.lost,
    },
    lastEventId,
  });
  return ended ? 'ended' : 'lease_lost';
};
