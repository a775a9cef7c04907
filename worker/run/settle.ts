import pRetry from 'p-retry';
import { describeError } from '../../shared/errors.ts';
import { failpoint } from '../../shared/failpoint.ts';
import { isTerminal } from '../../shared/model/job.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { deleteMessage } from '../../shared/queue/receive-jobs.ts';
import type { ReceivedJob } from '../../shared/queue/receive-jobs.ts';
import { sendDeadLetter, sendJob } from '../../shared/queue/send-job.ts';
import type { Lease } from '../../shared/store/jobs/claim-job.ts';
import { endJob } from '../../shared/store/jobs/end-job.ts';
import type { Outcome } from '../../shared/store/jobs/end-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { handBack } from '../../shared/store/jobs/hand-back.ts';
import { LEASE_MARGIN_MS } from '../../shared/store/jobs/job-state.ts';
import { unparkOldest } from '../../shared/store/jobs/unpark-oldest.ts';
import { heartbeat } from '../../shared/store/jobs/write-leased.ts';
import type { WorkerDeps } from '../deps.ts';
import { sendAnew } from '../loop/send-anew.ts';
import type { LeaseKeeper } from './lease-keeper.ts';

type Deps = Pick<WorkerDeps, 'store' | 'queues' | 'clock' | 'log' | 'metrics'>;

/** A pending job is looked at by the sweeper after this long, should its fresh message be lost. */
const HANDED_BACK_CHECK_MS = 60_000;
/** Before a job that the platform failed is tried again. */
const ABANDONED_DELAY_SECONDS = 5;

/** A job that an outage kept from its start waits this long before another try. */
export const RETRY_DELAY_SECONDS = 10;

/**
 * So long an outage is waited out: what is lost after it is a run that the tenant has paid its provider for. On
 * SIGTERM it is what the 115 s of row W1 leave after the kill and the last output.
 */
const OUTAGE_MS = 40_000;

/** A lease that ends meanwhile refuses the write. */
const persistently = <T>(write: () => Promise<T>): Promise<T> =>
  pRetry(write, {
    retries: Number.POSITIVE_INFINITY,
    maxRetryTime: OUTAGE_MS,
    minTimeout: 100,
    maxTimeout: 5_000,
    randomize: true,
  });

/**
 * Ends the job, wakes the jobs that waited for what it held, and deletes the message. False when the lease was
 * lost: then nothing was written, and the message is left to whoever holds the job.
 */
export const end = async (
  deps: Deps,
  received: ReceivedJob,
  job: JobRecord,
  lease: Lease,
  outcome: Outcome,
): Promise<boolean> => {
  const ended = await persistently(
    async () =>
      (await endJob(deps.store, job, { guard: 'lease', lease }, outcome)) || (await wasEnded(deps, lease)),
  );
  await failpoint('worker.after_end');
  if (!ended) return false;
  if (outcome.failure?.code === 'platform_failure') await sendDeadLetter(deps.queues, job);
  await wakeParked(deps, job);
  await deleteMessage(deps.queues, received);
  return true;
};

/** A reply may be lost after the commit: then the repetition finds the job ended by this very attempt. */
const wasEnded = async (deps: Deps, lease: Lease): Promise<boolean> => {
  const job = await getJob(deps.store, lease.tenantId, lease.jobId);
  return job !== undefined && job.attempt === lease.attempt && isTerminal(job.status);
};

/**
 * Gives the job back: pending again, its attempt sealed, a fresh message sent, the old one deleted. False when
 * the lease was lost.
 */
export const giveBack = async (
  deps: Deps,
  received: ReceivedJob,
  job: JobRecord,
  lease: Lease,
  reason: 'handed_back' | 'agent_failed',
  lastEventId: number,
  delaySeconds = 0,
): Promise<boolean> => {
  const nextCheckAt = deps.clock.now() + HANDED_BACK_CHECK_MS;
  const done = await persistently(
    async () =>
      (await handBack(deps.store, job, lease, reason, { lastEventId, nextCheckAt })) ||
      (await wasGivenBack(deps, lease)),
  );
  await failpoint('worker.after_hand_back');
  if (!done) return false;
  if (reason === 'handed_back') deps.metrics.put({ JobsHandedBack: 1 });
  await sendAnew(deps.queues, received, delaySeconds);
  await wakeParked(deps, job);
  return true;
};

const wasGivenBack = async (deps: Deps, lease: Lease): Promise<boolean> => {
  const job = await getJob(deps.store, lease.tenantId, lease.jobId);
  return job !== undefined && job.attempt === lease.attempt && job.sealed[lease.attempt] !== undefined;
};

/**
 * Lets go of a job after an error of ours: its lease ends now instead of in minutes, so that the next claim
 * counts a failure of the platform, seals what was written, and after three gives up. Best effort: the lease
 * ends by itself otherwise.
 */
export const abandon = async (
  deps: Deps,
  received: ReceivedJob,
  keeper: LeaseKeeper,
  reason: unknown,
): Promise<void> => {
  deps.log.error('job.abandoned', describeError(reason));
  if (!keeper.isHeld()) return;
  keeper.stop();
  try {
    const job = await heartbeat(deps.store, keeper.lease, -LEASE_MARGIN_MS / 1000);
    if (job !== undefined) await sendAnew(deps.queues, received, ABANDONED_DELAY_SECONDS);
  } catch (error) {
    deps.log.warn('job.lease_left', describeError(error));
  }
};

/** Sends the jobs on their way that waited for this one's slot or workspace. The sweeper covers a lost wake-up. */
const wakeParked = async (deps: Deps, job: JobRecord): Promise<void> => {
  try {
    const woken = await unparkOldest(deps.store, job.tenant_id, job.workspace);
    await Promise.all(woken.map((next) => sendJob(deps.queues, next)));
  } catch (error) {
    deps.log.warn('job.wake_failed', describeError(error));
  }
};
