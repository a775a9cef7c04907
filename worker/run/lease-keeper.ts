import { describeError } from '../../shared/errors.ts';
import { isTerminal, type JobRecord } from '../../shared/model/job.ts';
import { extendVisibility } from '../../shared/queue/receive-jobs.ts';
import type { ReceivedJob } from '../../shared/queue/receive-jobs.ts';
import type { Lease } from '../../shared/store/jobs/claim-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { LEASE_MARGIN_MS } from '../../shared/store/jobs/job-state.ts';
import { heartbeat } from '../../shared/store/jobs/write-leased.ts';
import type { WorkerDeps } from '../deps.ts';

/** Keeps a lease alive and tells when it is lost, or when the job is to be cancelled. */
export type LeaseKeeper = {
  readonly lease: Lease;
  /** By this process's monotonic clock and counted from before the last renewal was asked for. */
  isHeld(): boolean;
  /** Milliseconds of the lease that are left. */
  remainingMs(): number;
  readonly lost: AbortSignal;
  readonly cancelled: AbortSignal;
  stop(): void;
};

/** A fifth of the lease: a heartbeat may fail and the next still comes in time. */
const HEARTBEATS_PER_LEASE = 5;
/** So many failed heartbeats in a row and the worker acts as if the lease were lost. */
const MISSES_MAX = 2;
const CANCEL_LOOK_MS = 2_000;
/** The message outlives the lease, so that the worker who receives it finds the job free to take. */
const VISIBILITY_MARGIN_SECONDS = Math.ceil(LEASE_MARGIN_MS / 1000) + 5;

/**
 * Renews the lease and the message's visibility, and looks for a cancellation every 2 s, until stop().
 * `claimedAt` is the monotonic time just before the claim was asked for. `renewed` hears the milliseconds left
 * after each renewal, and at the start.
 */
export const keepLease = (
  deps: Pick<WorkerDeps, 'store' | 'queues' | 'clock' | 'log' | 'metrics' | 'settings'>,
  lease: Lease,
  received: ReceivedJob,
  claimedAt: number,
  renewed: (remainingMs: number) => void,
): LeaseKeeper => {
  const leaseMs = deps.settings.leaseSeconds * 1000;
  const interval = leaseMs / HEARTBEATS_PER_LEASE;
  const lost = new AbortController();
  const cancelled = new AbortController();
  let heldUntil = claimedAt + leaseMs;
  let misses = 0;
  let stopped = false;

  const remainingMs = (): number => heldUntil - deps.clock.monotonic();

  const lose = (reason: string): void => {
    if (stopped || lost.signal.aborted) return;
    deps.metrics.put({ LeasesLost: 1 });
    deps.log.warn('lease.lost', { reason });
    lost.abort(new Error(reason));
  };

  const look = (job: JobRecord | undefined): void => {
    if (job === undefined || job.lease_token !== lease.token) return lose('another claim holds the job');
    if (job.cancel_requested_at !== null) cancelled.abort();
  };

  const renew = async (): Promise<void> => {
    const asked = deps.clock.monotonic();
    const job = await inTime(heartbeat(deps.store, lease, deps.settings.leaseSeconds), interval);
    look(job);
    if (job === undefined) return;
    misses = 0;
    heldUntil = asked + leaseMs;
    deps.metrics.put({ Heartbeats: 1 });
    renewed(remainingMs());
  };

  const beat = async (): Promise<void> => {
    try {
      await renew();
    } catch (error) {
      misses += 1;
      deps.metrics.put({ HeartbeatsMissed: 1 });
      deps.log.warn('lease.heartbeat_missed', { misses, ...describeError(error) });
      if (misses >= MISSES_MAX) lose(`${misses} heartbeats missed`);
    }
  };

  const keepMessage = async (): Promise<void> => {
    try {
      await extendVisibility(deps.queues, received, deps.settings.leaseSeconds + VISIBILITY_MARGIN_SECONDS);
    } catch (error) {
      // The record is the authority: at worst the message is received again and its claim finds the job held.
      deps.log.warn('lease.message_not_extended', describeError(error));
    }
  };

  const lookForCancel = async (): Promise<void> => {
    try {
      const job = await getJob(deps.store, lease.tenantId, lease.jobId);
      // Ended, most likely by this very attempt, whose write is about to be answered; a heartbeat sees all else.
      if (job === undefined || !isTerminal(job.status)) look(job);
    } catch (error) {
      deps.log.warn('lease.look_failed', describeError(error));
    }
  };

  const every = (milliseconds: number, act: () => Promise<void>): (() => void) => {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      void act().finally(() => (busy = false));
    }, milliseconds);
    return () => clearInterval(timer);
  };

  const timers = [
    every(interval, beat),
    every(interval, keepMessage),
    every(CANCEL_LOOK_MS, lookForCancel),
    every(interval / 10, async () => {
      if (remainingMs() <= 0) lose('it ran out');
    }),
  ];
  void keepMessage();
  renewed(remainingMs());
  return {
    lease,
    isHeld: () => !lost.signal.aborted && remainingMs() > 0,
    remainingMs,
    lost: lost.signal,
    cancelled: cancelled.signal,
    stop: () => {
      stopped = true;
      for (const cancel of timers) cancel();
    },
  };
};

/** The promise's value, or an error when it takes longer. */
const inTime = async <T>(promise: Promise<T>, milliseconds: number): Promise<T> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer in ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};
