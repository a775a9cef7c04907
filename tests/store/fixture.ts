import { expect } from 'bun:test';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { isoTime } from '../../shared/clock.ts';
import { newUlid } from '../../shared/ids.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { slotsKey, usageKey } from '../../shared/store/item-keys.ts';
import { type Claim, claimJob, type Lease } from '../../shared/store/jobs/claim-job.ts';
import { endJob, type Outcome } from '../../shared/store/jobs/end-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { checkShard, LEASE_MARGIN_MS, tenantStatus } from '../../shared/store/jobs/job-state.ts';
import { getItem, type Store, toItem } from '../../shared/store/store.ts';
import { transact } from '../../shared/store/transact.ts';
import { quotaReservation } from '../../shared/store/usage/quota-reservation.ts';
import { effectiveLimits } from '../../shared/plans.ts';
import type { TestTenant } from '../harness/outpost.ts';

/** Jobs as the store knows them, without the API in front. */

export const LEASE_SECONDS = 60;
/** After so long a lease of LEASE_SECONDS has expired for everybody. */
export const LEASE_OVER_MS = LEASE_SECONDS * 1000 + LEASE_MARGIN_MS + 1;

export const SUCCEEDED: Outcome = { status: 'succeeded', failure: null, exitCode: 0 };

/** The store as a process sees it whose clock is `ahead` milliseconds ahead. */
export const later = (store: Store, ahead: number): Store => ({
  ...store,
  clock: { now: () => store.clock.now() + ahead, monotonic: () => store.clock.monotonic() + ahead },
});

/** Stores a pending job as POST /jobs does, with its quota where the tenant has one. */
export async function addJob(
  store: Store,
  { tenant, tenantId, keyHash }: TestTenant,
  fields: Partial<JobRecord> = {},
): Promise<JobRecord> {
  const now = store.clock.now();
  const jobId = newUlid(now);
  const limits = effectiveLimits(tenant.plan, tenant.limits);
  const quota = quotaReservation(store, {
    tenantId,
    limits,
    billingAnchor: Date.parse(tenant.billing_anchor),
  });
  const job: JobRecord = {
    job_id: jobId,
    tenant_id: tenantId,
    agent: 'codex',
    command: 'hello',
    workspace: jobId,
    priority: 'normal',
    status: 'pending',
    attempt: 0,
    max_attempts: 1,
    timeout_seconds: 60,
    metadata: {},
    created_at: isoTime(now),
    started_at: null,
    completed_at: null,
    cancel_requested_at: null,
    exit_code: null,
    failure: null,
    usage: null,
    output_location: null,
    output_bytes: null,
    output_truncated: false,
    tenant_status: tenantStatus(tenantId, 'pending'),
    key_hash: keyHash,
    request_id: newUlid(now),
    platform_failures: 0,
    agent_failures: 0,
    checks: 0,
    sealed: {},
    check_shard: checkShard(jobId),
    next_check_at: now + 60_000,
    ...(quota === undefined ? {} : { usage_period: quota.period }),
    ...fields,
  };
  await transact(store, [
    { label: 'job', table: 'jobs', put: job, condition: 'attribute_not_exists(#job_id)' },
    ...(quota === undefined ? [] : [quota.write]),
  ]);
  return job;
}

export const claim = (store: Store, job: JobRecord, workerId = 'w'): Promise<Claim> =>
  claimJob(store, { tenantId: job.tenant_id, jobId: job.job_id, workerId, leaseSeconds: LEASE_SECONDS });

/** Claims a job that must be free. */
export async function claimed(store: Store, job: JobRecord): Promise<{ job: JobRecord; lease: Lease }> {
  const result = await claim(store, job);
  if (result.kind !== 'claimed') throw new Error(`the job is ${result.kind}`);
  return result;
}

export const end = (
  store: Store,
  held: { job: JobRecord; lease: Lease },
  outcome: Outcome = SUCCEEDED,
): Promise<boolean> => endJob(store, held.job, { guard: 'lease', lease: held.lease }, outcome);

export async function read(store: Store, job: JobRecord): Promise<JobRecord> {
  const record = await getJob(store, job.tenant_id, job.job_id);
  if (record === undefined) throw new Error('no such job');
  return record;
}

/** How many slots of a tenant are taken, as its counter says. */
export async function slotsTaken(store: Store, tenantId: string): Promise<number> {
  const item = await getItem(store, 'tenants', slotsKey(tenantId));
  return Number(item?.['running']?.N ?? 0);
}

/** A tenant's counter of the period that a job was counted on. */
export async function usageOf(store: Store, job: JobRecord): Promise<{ used: number; refunded: number }> {
  expect(job.usage_period).toBeDefined();
  const item = await getItem(store, 'tenants', usageKey(job.tenant_id, job.usage_period ?? ''));
  return { used: Number(item?.['used']?.N ?? 0), refunded: Number(item?.['refunded']?.N ?? 0) };
}

/** All items of a tenant whose sort key begins so: `LEDGER#`, `WORKSPACE#`. */
export async function itemsOf(
  store: Store,
  tenantId: string,
  prefix: 'LEDGER#' | 'WORKSPACE#',
): Promise<Record<string, unknown>[]> {
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.tenants,
      ConsistentRead: true,
      KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
      ExpressionAttributeNames: { '#pk': 'pk', '#sk': 'sk' },
      ExpressionAttributeValues: toItem({ ':pk': `TENANT#${tenantId}`, ':prefix': prefix }),
    }),
  );
  return (answer.Items ?? []).map((item) => unmarshall(item));
}
