import { newUlid } from '../../ids.ts';
import { isoTime } from '../../clock.ts';
import { isTerminal, type JobRecord } from '../../model/job.ts';
import { TenantRecord, WORKING_STATUSES } from '../../model/tenant.ts';
import { effectiveLimits } from '../../plans.ts';
import { auditWrite, platformEntry } from '../audit/entry-write.ts';
import { slotsKey, tenantKey, workspaceKey } from '../item-keys.ts';
import { keyInForce } from '../key-in-force.ts';
import { fromItem, getItem, type Store } from '../store.ts';
import { ConditionFailed, transact, type Write } from '../transact.ts';
import { endJob, type Outcome } from './end-job.ts';
import { getJob } from './get-job.ts';
import { jobKey, leaseExpired, tenantStatus } from './job-state.ts';
import { parkJob } from './park-job.ts';

/** A worker's right to one attempt of a job. Every write of the attempt carries the token. */
export type Lease = {
  readonly tenantId: string;
  readonly jobId: string;
  readonly attempt: number;
  readonly token: string;
};

export type Claim =
  /** The job is this worker's to run. */
  | {
      readonly kind: 'claimed';
      readonly job: JobRecord;
      readonly lease: Lease;
      readonly tenant: TenantRecord;
    }
  /** The job is this worker's only to be ended like this: seal its attempts, then endJob. */
  | { readonly kind: 'taken_over'; readonly job: JobRecord; readonly lease: Lease; readonly outcome: Outcome }
  /** The tenant's jobs run elsewhere: in the pool, or in tasks of its own. Nothing was written. */
  | { readonly kind: 'misdirected'; readonly isolation: TenantRecord['isolation'] }
  /** This claim has ended the job, which was pending and must not run. */
  | { readonly kind: 'ended_unrun'; readonly job: JobRecord; readonly outcome: Outcome }
  /** Nothing to do, and the message may go: it waits for a slot, another worker has it, or it has ended. */
  | { readonly kind: 'parked' | 'held' | 'ended' | 'unknown' };

/** So many failures of the platform end a job (row W1). */
const PLATFORM_FAILURES_MAX = 3;

const CLAIM_ROUNDS = 4;

/** Who claims what. */
export type ClaimRequest = {
  readonly tenantId: string;
  readonly jobId: string;
  readonly workerId: string;
  readonly leaseSeconds: number;
  /** The one tenant that the worker serves; absent for a worker of the pool. */
  readonly onlyTenant?: string;
};

/**
 * Claims a job for a worker, or says why not. A worker of the pool never gets the job of a tenant that is
 * `dedicated` now, nor a worker of one tenant another's. The claim is one transaction: the job gets the lease, the next
 * attempt and a fencing token if nobody else holds it; the key must not be revoked and the tenant must be
 * allowed to work; a capped tenant's slot and the workspace are taken. A job whose lease ran out is taken from
 * its dead worker, which counts as a failure of the platform.
 */
export async function claimJob(store: Store, request: ClaimRequest): Promise<Claim> {
  const { tenantId, jobId, onlyTenant } = request;
  if (onlyTenant !== undefined && onlyTenant !== tenantId) return { kind: 'unknown' };
  for (let round = 0; round < CLAIM_ROUNDS; round += 1) {
    const [job, tenantItem] = await Promise.all([
      getJob(store, tenantId, jobId),
      getItem(store, 'tenants', tenantKey(tenantId)),
    ]);
    if (job === undefined || tenantItem === undefined) return { kind: 'unknown' };
    if (isTerminal(job.status)) return { kind: 'ended' };
    if (job.status === 'running' && !leaseExpired(job, store.clock.now())) return { kind: 'held' };
    const tenant = fromItem(TenantRecord, tenantItem);

    const outcome = outcomeWithoutRunning(job, tenant);
    if (outcome !== undefined) {
      const ended = await endUnrun(store, job, request, outcome);
      if (ended !== undefined) return ended;
      continue;
    }
    const { isolation } = tenant;
    if ((isolation === 'dedicated') !== (onlyTenant !== undefined)) return { kind: 'misdirected', isolation };

    const cap = effectiveLimits(tenant.plan, tenant.limits).concurrent_jobs;
    const claim = newClaim(store, job, request, cap !== null);
    try {
      await transact(store, [
        { label: 'job', table: 'jobs', update: jobKey(tenantId, jobId), change: claim.change },
        keyInForce(job.key_hash),
        ...reservations(job, cap),
        auditWrite(store, platformEntry(store, 'worker', 'job.claim', job, claim.lease.token)),
      ]);
      return { kind: 'claimed', job: claim.job, lease: claim.lease, tenant };
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (error.failed.has('job')) continue;
      if (error.failed.has('key')) {
        const ended = await endUnrun(
          store,
          job,
          request,
          cancelled('key_revoked', 'The key that submitted this job was revoked.'),
        );
        if (ended !== undefined) return ended;
        continue;
      }
      const parked = await parkJob(store, job, error.failed.has('workspace') ? 'workspace' : 'slot', tenant);
      if (parked) return { kind: 'parked' };
    }
  }
  return { kind: 'held' };
}

/** Why a job must end without being run again, if it must. */
function outcomeWithoutRunning(job: JobRecord, tenant: TenantRecord): Outcome | undefined {
  if (job.cancel_requested_at !== null) {
    return cancelled('cancelled', job.cancel_reason ?? 'Cancelled by the tenant.');
  }
  if (!WORKING_STATUSES.includes(tenant.status)) {
    return cancelled('tenant_suspended', `The tenant is ${tenant.status}.`);
  }
  if (job.status === 'running' && job.platform_failures + 1 >= PLATFORM_FAILURES_MAX) {
    return {
      status: 'failed',
      failure: { code: 'platform_failure', message: `The worker was lost ${PLATFORM_FAILURES_MAX} times.` },
    };
  }
  return undefined;
}

const cancelled = (code: string, message: string): Outcome => ({
  status: 'cancelled',
  failure: { code, message },
});

/**
 * Ends a pending job at once; takes a running one over, so that its attempts are sealed under a lease before
 * it ends. Undefined when the job changed meanwhile.
 */
async function endUnrun(
  store: Store,
  job: JobRecord,
  request: { workerId: string; leaseSeconds: number },
  outcome: Outcome,
): Promise<Claim | undefined> {
  if (job.status === 'pending') {
    const ended = await endJob(store, job, { guard: 'pending' }, outcome);
    return ended ? { kind: 'ended_unrun', job, outcome } : undefined;
  }
  const claim = newClaim(store, job, request, false);
  try {
    await transact(store, [
      { label: 'job', table: 'jobs', update: jobKey(job.tenant_id, job.job_id), change: claim.change },
    ]);
  } catch (error) {
    if (error instanceof ConditionFailed) return undefined;
    throw error;
  }
  return { kind: 'taken_over', job: claim.job, lease: claim.lease, outcome };
}

function newClaim(
  store: Store,
  job: JobRecord,
  request: { workerId: string; leaseSeconds: number },
  takesSlot: boolean,
) {
  const now = store.clock.now();
  const token = newUlid();
  const expires = now + request.leaseSeconds * 1000;
  const lost = job.status === 'running';
  const set = {
    status: 'running' as const,
    tenant_status: tenantStatus(job.tenant_id, 'running'),
    attempt: job.attempt + 1,
    // No run follows the last that may fail: whoever dies while it ends such a job adds nothing.
    platform_failures: Math.min(job.platform_failures + (lost ? 1 : 0), PLATFORM_FAILURES_MAX),
    started_at: job.started_at ?? isoTime(now),
    lease_token: token,
    lease_expires_at: expires,
    lease_worker: request.workerId,
    next_check_at: expires,
    checks: 0,
    ...(takesSlot ? { slot: true } : {}),
  };
  const condition = lost
    ? '#status = :status AND #lease_token = :seen AND #lease_expires_at = :seen_expiry'
    : '#status = :status AND #attempt = :seen';
  const values = lost
    ? { status: 'running', seen: job.lease_token, seen_expiry: job.lease_expires_at }
    : { status: 'pending', seen: job.attempt };
  const { parked_for: _, ...rest } = job;
  return {
    change: { set, remove: ['parked_for'], condition, values },
    job: { ...rest, ...set } satisfies JobRecord,
    lease: { tenantId: job.tenant_id, jobId: job.job_id, attempt: set.attempt, token } satisfies Lease,
  };
}

/** A first claim takes the workspace and, under a cap, a slot; a re-claim inherits both. */
function reservations(job: JobRecord, cap: number | null): Write[] {
  const workspace: Write = {
    label: 'workspace',
    table: 'tenants',
    put: { ...workspaceKey(job.tenant_id, job.workspace), job_id: job.job_id },
    condition: 'attribute_not_exists(#pk) OR #job_id = :me',
    values: { me: job.job_id },
  };
  if (cap === null || job.slot === true) return [workspace];
  return [
    workspace,
    {
      label: 'slot',
      table: 'tenants',
      update: slotsKey(job.tenant_id),
      change: {
        add: { running: 1 },
        condition: 'attribute_not_exists(#running) OR #running < :cap',
        values: { cap },
      },
    },
  ];
}
