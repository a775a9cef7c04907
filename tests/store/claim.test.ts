import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { endJob } from '../../shared/store/jobs/end-job.ts';
import { handBack } from '../../shared/store/jobs/hand-back.ts';
import { requestCancel } from '../../shared/store/jobs/request-cancel.ts';
import {
  heartbeat,
  markAgentStarted,
  sealAttempts,
  writeLeased,
} from '../../shared/store/jobs/write-leased.ts';
import type { Store } from '../../shared/store/store.ts';
import { newUlid } from '../../shared/ids.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import {
  addJob,
  claim,
  claimed,
  end,
  itemsOf,
  later,
  LEASE_OVER_MS,
  LEASE_SECONDS,
  read,
  SUCCEEDED,
} from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let store: Store;
let tenant: TestTenant;

beforeAll(async () => {
  ({ store } = (await sharedOutpost()).aws);
  tenant = await createTestTenant(store);
});

const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

describe('a claim', () => {
  test('is won by exactly one of 50 that come at once', async () => {
    for (let round = 0; round < SCALE; round += 1) {
      const job = await addJob(store, tenant);
      const claims = await Promise.all(Array.from({ length: 50 }, (_, n) => claim(store, job, `w${n}`)));
      const kinds: string[] = claims.map(({ kind }) => kind).toSorted();
      expect(kinds).toEqual(['claimed', ...Array.from({ length: 49 }, () => 'held')].toSorted());
      expect(await read(store, job)).toMatchObject({ status: 'running', attempt: 1, platform_failures: 0 });
    }
  });

  test('sets lease, attempt and token, and says when the job started', async () => {
    const job = await addJob(store, tenant);
    const held = await claimed(store, job);
    const record = await read(store, job);
    expect(record).toMatchObject({
      status: 'running',
      attempt: 1,
      lease_token: held.lease.token,
      lease_worker: 'w',
      tenant_status: `${tenant.tenantId}#running`,
    });
    const left = (record.lease_expires_at ?? 0) - store.clock.now();
    expect(left).toBeGreaterThan((LEASE_SECONDS - 10) * 1000);
    expect(left).toBeLessThanOrEqual(LEASE_SECONDS * 1000);
    expect(record.started_at).not.toBeNull();
    expect(held.job).toEqual(record);
  });

  test('of a job that is none is unknown', async () => {
    const request = { workerId: 'w', leaseSeconds: LEASE_SECONDS };
    expect(await claimJob(store, { ...request, tenantId: tenant.tenantId, jobId: newUlid() })).toEqual({
      kind: 'unknown',
    });
    const other = await createTestTenant(store);
    const job = await addJob(store, tenant);
    expect(await claimJob(store, { ...request, tenantId: other.tenantId, jobId: job.job_id })).toEqual({
      kind: 'unknown',
    });
    expect((await read(store, job)).status).toBe('pending');
  });
});

describe('a lease', () => {
  test('is not taken before it ended, margin included, and is prolonged by a heartbeat', async () => {
    const job = await addJob(store, tenant);
    const held = await claimed(store, job);
    const shortly = later(store, LEASE_SECONDS * 1000);
    expect((await claim(shortly, job)).kind).toBe('held');
    expect(await heartbeat(shortly, held.lease, LEASE_SECONDS)).toBeDefined();
    expect((await claim(later(store, LEASE_OVER_MS), job)).kind).toBe('held');
    expect((await read(store, job)).attempt).toBe(1);
  });

  test('that ended is taken by one of many, which counts as a failure of the platform', async () => {
    const job = await addJob(store, tenant);
    const before = await claimed(store, job);
    const dead = later(store, LEASE_OVER_MS);
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(dead, job)));
    expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
    const record = await read(store, job);
    expect(record).toMatchObject({ status: 'running', attempt: 2, platform_failures: 1, agent_failures: 0 });
    expect(record.lease_token).not.toBe(before.lease.token);
  });

  test('lost lets its worker write nothing: every write carries the fencing token', async () => {
    const job = await addJob(store, tenant);
    const old = await claimed(store, job);
    const taken = await claimed(later(store, LEASE_OVER_MS), job);
    const record = await read(store, job);
    const details = { lastEventId: 0, nextCheckAt: 0 };
    expect(await heartbeat(store, old.lease, LEASE_SECONDS)).toBeUndefined();
    expect(await sealAttempts(store, old.lease, { 1: 99 })).toBeUndefined();
    expect(await markAgentStarted(store, old.lease, '2026-01-01T00:00:00.000Z')).toBeUndefined();
    expect(await writeLeased(store, old.lease, { set: { exit_code: 1 } })).toBeUndefined();
    expect(await handBack(store, old.job, old.lease, 'handed_back', details)).toBe(false);
    expect(await end(store, old)).toBe(false);
    expect(await read(store, job)).toEqual(record);
    expect(await end(store, taken)).toBe(true);
    expect(await end(store, taken)).toBe(false);
    expect(await heartbeat(store, taken.lease, LEASE_SECONDS)).toBeUndefined();
  });

  test('lost three times ends the job as failed, by the claim that finds it', async () => {
    const job = await addJob(store, tenant);
    let now = store;
    for (let lost = 0; lost < 3; lost += 1) {
      expect((await claimed(now, job)).job).toMatchObject({ attempt: lost + 1, platform_failures: lost });
      now = later(now, LEASE_OVER_MS);
    }
    // Whoever is to end it may be lost as well, which is no fourth failure.
    expect((await claim(now, job)).kind).toBe('taken_over');
    now = later(now, LEASE_OVER_MS);
    const last = await claim(now, job);
    if (last.kind !== 'taken_over') throw new Error(`the job is ${last.kind}`);
    expect(last.outcome).toMatchObject({ status: 'failed', failure: { code: 'platform_failure' } });
    expect(await end(now, last, last.outcome)).toBe(true);
    expect(await read(store, job)).toMatchObject({ status: 'failed', platform_failures: 3 });
    expect(await claim(now, job)).toEqual({ kind: 'ended' });
    const ledger = await itemsOf(store, tenant.tenantId, 'LEDGER#');
    expect(ledger.filter((row) => row['job_id'] === job.job_id)).toEqual([]);
  });
});

describe('a hand-back', () => {
  test('makes the job pending, counts nothing and frees its workspace', async () => {
    const job = await addJob(store, tenant, { workspace: 'handed-back' });
    const held = await claimed(store, job);
    const details = { lastEventId: 7, nextCheckAt: 1 };
    expect(await handBack(store, held.job, held.lease, 'handed_back', details)).toBe(true);
    const record = await read(store, job);
    expect(record).toMatchObject({
      status: 'pending',
      attempt: 1,
      platform_failures: 0,
      agent_failures: 0,
      sealed: { 1: 7 },
    });
    expect(record.lease_token).toBeUndefined();
    const other = await addJob(store, tenant, { workspace: 'handed-back' });
    expect((await claim(store, other)).kind).toBe('claimed');
  });

  test('of a failed agent counts its failure', async () => {
    const job = await addJob(store, tenant, { max_attempts: 2 });
    const held = await claimed(store, job);
    expect(
      await handBack(store, held.job, held.lease, 'agent_failed', { lastEventId: 3, nextCheckAt: 1 }),
    ).toBe(true);
    expect(await read(store, job)).toMatchObject({
      status: 'pending',
      agent_failures: 1,
      platform_failures: 0,
    });
    expect((await claimed(store, job)).job.attempt).toBe(2);
  });
});

describe('a cancellation', () => {
  const cancelled = { status: 'cancelled', failure: { code: 'cancelled', message: 'x' } } as const;

  test('of a pending job is final, whoever comes later', async () => {
    const job = await addJob(store, tenant);
    expect(await endJob(store, job, { guard: 'pending' }, cancelled)).toBe(true);
    expect(await endJob(store, job, { guard: 'pending' }, cancelled)).toBe(false);
    expect((await claim(store, job)).kind).toBe('ended');
    expect(await requestCancel(store, job, [])).toBe(false);
  });

  test('of a running job is asked once and seen by the heartbeat', async () => {
    const job = await addJob(store, tenant);
    const held = await claimed(store, job);
    expect(await endJob(store, job, { guard: 'pending' }, cancelled)).toBe(false);
    expect(await requestCancel(store, job, [])).toBe(true);
    expect(await requestCancel(store, job, [])).toBe(false);
    const beat = await heartbeat(store, held.lease, LEASE_SECONDS);
    expect(beat?.cancel_requested_at).not.toBeNull();
    expect(await end(store, held, cancelled)).toBe(true);
  });

  test('of a job whose worker died ends it, instead of running it again', async () => {
    const job = await addJob(store, tenant);
    await claimed(store, job);
    expect(await requestCancel(store, job, [])).toBe(true);
    const taken = await claim(later(store, LEASE_OVER_MS), job);
    if (taken.kind !== 'taken_over') throw new Error(`the job is ${taken.kind}`);
    expect(taken.outcome).toMatchObject({ status: 'cancelled', failure: { code: 'cancelled' } });
  });

  test('of a job that ended changes nothing', async () => {
    const job = await addJob(store, tenant);
    await end(store, await claimed(store, job));
    expect(await requestCancel(store, job, [])).toBe(false);
    expect(await endJob(store, job, { guard: 'pending' }, cancelled)).toBe(false);
    expect(await read(store, job)).toMatchObject({ status: SUCCEEDED.status, cancel_requested_at: null });
  });

  test('and a claim never both win', async () => {
    for (let round = 0; round < 50 * SCALE; round += 1) {
      const job = await addJob(store, tenant);
      const [ended, result] = await Promise.all([
        endJob(store, job, { guard: 'pending' }, cancelled),
        claim(store, job),
      ]);
      expect([ended, result.kind]).toBeOneOf([
        [true, 'ended'],
        [false, 'claimed'],
      ]);
    }
  });
});
