import { describeError } from '../../shared/errors.ts';
import { failpoint } from '../../shared/failpoint.ts';
import { eventId } from '../../shared/model/event.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import type { JobMessage } from '../../shared/queue/job-message.ts';
import { deleteMessage } from '../../shared/queue/receive-jobs.ts';
import type { ReceivedJob } from '../../shared/queue/receive-jobs.ts';
import { sendDedicated, sendJob } from '../../shared/queue/send-job.ts';
import { lastEventIds } from '../../shared/output/seal.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import type { Claim, Lease } from '../../shared/store/jobs/claim-job.ts';
import { sealAttempts } from '../../shared/store/jobs/write-leased.ts';
import type { StopSignals, WorkerDeps } from '../deps.ts';
import { sendAnew } from '../loop/send-anew.ts';
import { lockUidWithin } from '../workspace/lock.ts';
import { keepLease } from './lease-keeper.ts';
import { runAttempt } from './run-attempt.ts';
import type { AttemptOutcome } from './outcome.ts';
import { report } from './report.ts';
import { abandon, end, giveBack, RETRY_DELAY_SECONDS } from './settle.ts';

/** What another worker of this machine needs to clean up after a tenant's job whose end the tenant knows already. */
const WIPE_MS = 250;
/** How long a job waits whose tenant's uid another worker of this machine uses, or whose claim failed. */
const AGAIN_DELAY_SECONDS = 2;
/** How long a job may keep its worker besides its agent's time: its last output and its record. */
const SETTLING_SECONDS = 600;

/**
 * Does what a message asks: claims its job and runs one attempt of it, or finds that there is nothing to do.
 * Whatever happens, a claim is settled or left to expire as a failure of the platform; the message is deleted,
 * replaced by a fresh one, or comes back when its visibility ends. Throws LaunchError when this machine must run
 * nothing more, and AWS's errors before the claim.
 */
export const runJob = async (
  deps: WorkerDeps,
  received: ReceivedJob,
  message: JobMessage,
  signals: StopSignals,
): Promise<void> => {
  const uid = await orSendAnew(deps, received, () => tenantUid(deps, message));
  if (uid === undefined) return deleteMessage(deps.queues, received);
  const unlock = uid === null ? () => undefined : await lockUidWithin(deps.settings.locksRoot, uid, WIPE_MS);
  if (unlock === null) return sendAnew(deps.queues, received, AGAIN_DELAY_SECONDS);
  try {
    const claimedAt = deps.clock.monotonic();
    const claim = await orSendAnew(deps, received, () =>
      claimJob(deps.store, {
        tenantId: message.tenant_id,
        jobId: message.job_id,
        workerId: deps.settings.workerId,
        leaseSeconds: deps.settings.leaseSeconds,
        ...(deps.settings.only === null ? {} : { onlyTenant: deps.settings.only.tenantId }),
      }),
    );
    await act(deps, received, claim, { claimedAt, uid, signals });
  } finally {
    unlock();
  }
};

/** Before the claim an outage costs the message no receive and the job little time. */
const orSendAnew = async <T>(
  deps: WorkerDeps,
  received: ReceivedJob,
  action: () => Promise<T>,
): Promise<T> => {
  try {
    return await action();
  } catch (error) {
    await sendAnew(deps.queues, received, AGAIN_DELAY_SECONDS);
    throw error;
  }
};

/** The uid its agents run under: null where tenants have none, undefined for an unknown tenant. */
const tenantUid = async (deps: WorkerDeps, message: JobMessage): Promise<number | null | undefined> =>
  deps.isolation.level === 'uid' ? deps.tenantUids.of(message.tenant_id) : null;

type Circumstances = {
  readonly claimedAt: number;
  readonly uid: number | null;
  readonly signals: StopSignals;
};

const act = async (
  parent: WorkerDeps,
  received: ReceivedJob,
  claim: Claim,
  { claimedAt, uid, signals }: Circumstances,
): Promise<void> => {
  if (claim.kind === 'misdirected') return redirect(parent, received, claim.isolation);
  if (claim.kind === 'ended_unrun') return reportUnrun(parent, received, claim);
  if (claim.kind !== 'claimed' && claim.kind !== 'taken_over') {
    parent.log.info('job.not_claimed', { ...received.message, reason: claim.kind });
    return deleteMessage(parent.queues, received);
  }
  const { lease } = claim;
  const log = parent.log.with({
    job_id: lease.jobId,
    tenant_id: lease.tenantId,
    attempt: lease.attempt,
  });
  const deps = { ...parent, log };
  if (received.sentAt !== null)
    deps.metrics.put({ QueueAge: Math.max(0, deps.clock.now() - received.sentAt) });
  const target = { uid, jobId: lease.jobId };
  const keeper = keepLease(deps, lease, received, claimedAt, (remainingMs) =>
    deps.watchdog.guard(target, remainingMs),
  );
  deps.taskProtection.on(claim.job.timeout_seconds + SETTLING_SECONDS);
  try {
    await failpoint('worker.after_claim');
    const job =
      claim.kind === 'taken_over'
        ? await sealEarlier(deps, claim.job, lease)
        : await sealOrGiveBack(deps, received, claim.job, lease);
    if (job === undefined) return;
    await failpoint('worker.after_seal');
    if (claim.kind === 'taken_over') await endTakenOver(deps, received, { ...claim, job });
    else await runAttempt(deps, { job, lease, uid, received, keeper, signals });
  } catch (error) {
    await abandon(deps, received, keeper, error);
    throw error;
  } finally {
    keeper.stop();
    deps.watchdog.release();
    deps.taskProtection.off();
  }
};

/** Sends a job to where its tenant's jobs are run: to the pool, or to a task of its own. */
const redirect = async (
  deps: WorkerDeps,
  received: ReceivedJob,
  isolation: TenantRecord['isolation'],
): Promise<void> => {
  if (received.message === undefined) return;
  deps.log.info('job.redirected', { ...received.message, isolation });
  await (isolation === 'dedicated' ? sendDedicated : sendJob)(deps.queues, received.message);
  await deleteMessage(deps.queues, received);
};

/** The line of a job that its claim has ended. */
const reportUnrun = async (
  deps: WorkerDeps,
  received: ReceivedJob,
  { job, outcome: { status, failure } }: Extract<Claim, { kind: 'ended_unrun' }>,
): Promise<void> => {
  report(deps, job, 'ended', { status, failure, exitCode: null });
  await deleteMessage(deps.queues, received);
};

/** Ends a job that must not run again. */
const endTakenOver = async (
  deps: WorkerDeps,
  received: ReceivedJob,
  { job, lease, outcome }: Extract<Claim, { kind: 'taken_over' }>,
): Promise<void> => {
  const { status, failure, exitCode = null } = outcome;
  const judged: AttemptOutcome = { status, failure, exitCode };
  const ended = await end(deps, received, job, lease, { ...judged, lastEventId: eventId(lease.attempt, 0) });
  report(deps, job, ended ? 'ended' : 'lease_lost', judged);
};

/** An outage of S3 is no failure of this job: undefined also when it went back, to be tried again. */
const sealOrGiveBack = async (
  deps: WorkerDeps,
  received: ReceivedJob,
  job: JobRecord,
  lease: Lease,
): Promise<JobRecord | undefined> => {
  try {
    return await sealEarlier(deps, job, lease);
  } catch (error) {
    deps.log.warn('job.not_sealed', describeError(error));
    const nothing = eventId(lease.attempt, 0);
    await giveBack(deps, received, job, lease, 'handed_back', nothing, RETRY_DELAY_SECONDS);
    return undefined;
  }
};

/**
 * Seals the attempts of workers that were lost, so that readers may go on to this one. Undefined when the lease
 * is lost.
 */
const sealEarlier = async (
  deps: WorkerDeps,
  job: JobRecord,
  lease: Lease,
): Promise<JobRecord | undefined> => {
  const earlier = Array.from({ length: lease.attempt - 1 }, (_, index) => index + 1);
  const open = earlier.filter((attempt) => job.sealed[attempt] === undefined);
  if (open.length === 0) return job;
  const sealed = await lastEventIds(deps.outputs, lease.tenantId, lease.jobId, open);
  return sealAttempts(deps.store, lease, { ...job.sealed, ...sealed });
};
