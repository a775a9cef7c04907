import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { handBack } from '../../shared/store/jobs/hand-back.ts';
import { unparkOldest } from '../../shared/store/jobs/unpark-oldest.ts';
import type { Store } from '../../shared/store/store.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { addJob, claim, claimed, end, itemsOf, later, LEASE_OVER_MS, read, slotsTaken } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let store: Store;

beforeAll(async () => {
  ({ store } = (await sharedOutpost()).aws);
});

const capped = (cap: number): Promise<TestTenant> =>
  createTestTenant(store, { limits: { concurrent_jobs: cap } });

const add = async (
  tenant: TestTenant,
  count: number,
  fields: Partial<JobRecord> = {},
): Promise<JobRecord[]> => {
  const jobs: JobRecord[] = [];
  for (let index = 0; index < count; index += 1) jobs.push(await addJob(store, tenant, fields));
  return jobs;
};

describe('slots', () => {
  test('are never more than the cap, however many claim at once; the others are parked', async () => {
    const tenant = await capped(3);
    const jobs = await add(tenant, 12);
    const claims = await Promise.all(jobs.map((job) => claim(store, job)));
    expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(3);
    expect(claims.filter(({ kind }) => kind === 'parked')).toHaveLength(9);
    expect(await slotsTaken(store, tenant.tenantId)).toBe(3);
    for (const [index, job] of jobs.entries()) {
      const kind = claims[index]?.kind;
      const record = await read(store, job);
      expect(record.parked_for).toBe(kind === 'parked' ? `${tenant.tenantId}#slot` : undefined);
    }
  });

  test('of one tenant are nothing to another, and a tenant without a cap has none', async () => {
    const [one, other, free] = [await capped(1), await capped(1), await createTestTenant(store)];
    for (const tenant of [one, other])
      expect((await claim(store, await addJob(store, tenant))).kind).toBe('claimed');
    const claims = await Promise.all((await add(free, 5)).map((job) => claim(store, job)));
    expect(claims.every(({ kind }) => kind === 'claimed')).toBe(true);
    expect(await slotsTaken(store, free.tenantId)).toBe(0);
  });

  test('are inherited by a re-claim and freed by end and hand-back', async () => {
    const tenant = await capped(1);
    const job = await addJob(store, tenant);
    await claimed(store, job);
    const again = await claimed(later(store, LEASE_OVER_MS), job);
    expect(await slotsTaken(store, tenant.tenantId)).toBe(1);
    await handBack(store, again.job, again.lease, 'handed_back', { lastEventId: 0, nextCheckAt: 1 });
    expect(await slotsTaken(store, tenant.tenantId)).toBe(0);
    await end(store, await claimed(store, job));
    expect(await slotsTaken(store, tenant.tenantId)).toBe(0);
  });
});

describe('a workspace', () => {
  test('has one running job', async () => {
    const tenant = await createTestTenant(store);
    const jobs = await add(tenant, 8, { workspace: 'shared' });
    const claims = await Promise.all(jobs.map((job) => claim(store, job)));
    expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
    expect(claims.filter(({ kind }) => kind === 'parked')).toHaveLength(7);
    expect(await itemsOf(store, tenant.tenantId, 'WORKSPACE#')).toHaveLength(1);
  });

  test('of the same name is another tenant’s own', async () => {
    const [one, other] = [await createTestTenant(store), await createTestTenant(store)];
    for (const tenant of [one, other]) {
      expect((await claim(store, await addJob(store, tenant, { workspace: 'same' }))).kind).toBe('claimed');
    }
  });

  test('is not freed by a job that does not hold it', async () => {
    const tenant = await createTestTenant(store);
    const [first, second] = await add(tenant, 2, { workspace: 'w' });
    if (first === undefined || second === undefined) throw new Error('no jobs');
    const held = await claimed(store, first);
    expect((await claim(store, second)).kind).toBe('parked');
    expect((await claim(store, second)).kind).toBe('parked');
    expect(await itemsOf(store, tenant.tenantId, 'WORKSPACE#')).toMatchObject([{ job_id: first.job_id }]);
    await end(store, held);
    expect(await itemsOf(store, tenant.tenantId, 'WORKSPACE#')).toEqual([]);
  });
});

describe('promotion', () => {
  test('takes the oldest that waits for a slot, and each one once', async () => {
    const tenant = await capped(1);
    const [running, ...waiting] = await add(tenant, 4);
    if (running === undefined) throw new Error('no jobs');
    const held = await claimed(store, running);
    for (const job of waiting) expect((await claim(store, job)).kind).toBe('parked');
    await end(store, held);
    const promoted = await Promise.all([1, 2, 3].map(() => unparkOldest(store, tenant.tenantId, 'none')));
    const ids = promoted.flat().map(({ job_id }) => job_id);
    expect(ids.toSorted()).toEqual(waiting.map(({ job_id }) => job_id));
    expect(await unparkOldest(store, tenant.tenantId, 'none')).toEqual([]);
  });

  test('keeps to the cap and forgets nobody while workers end, promote and claim at once', async () => {
    const CAP = 3;
    const tenant = await capped(CAP);
    const jobs: JobRecord[] = [];
    for (let index = 0; index < 24; index += 1)
      jobs.push(await addJob(store, tenant, { workspace: `w${index % 4}` }));
    const queue = jobs.map((job) => job);
    const finished = new Set<string>();
    let running = 0;
    let most = 0;
    const worker = async (): Promise<void> => {
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
        const result = await claim(store, job);
        if (result.kind !== 'claimed') continue;
        running += 1;
        most = Math.max(most, running);
        expect(await slotsTaken(store, tenant.tenantId)).toBeLessThanOrEqual(CAP);
        running -= 1;
        expect(await end(store, result)).toBe(true);
        finished.add(job.job_id);
        queue.push(...(await unparkOldest(store, tenant.tenantId, job.workspace)));
      }
    };
    // A worker stops when it finds nothing; the sweeper's part is to call again while jobs are left.
    for (let round = 0; round < 24 && finished.size < jobs.length; round += 1) {
      await Promise.all(Array.from({ length: 6 }, worker));
      const left = await Promise.all(jobs.map((job) => read(store, job)));
      queue.push(...left.filter(({ status }) => status === 'pending'));
    }
    expect(finished.size).toBe(jobs.length);
    expect(most).toBeLessThanOrEqual(CAP);
    expect(await slotsTaken(store, tenant.tenantId)).toBe(0);
    expect(await itemsOf(store, tenant.tenantId, 'WORKSPACE#')).toEqual([]);
  });

  test('that comes between the refused claim and the parking is not lost: the claim is tried again', async () => {
    for (let round = 0; round < 20; round += 1) {
      const tenant = await capped(1);
      const [first, second] = await add(tenant, 2);
      if (first === undefined || second === undefined) throw new Error('no jobs');
      const held = await claimed(store, first);
      const [result, promoted] = await Promise.all([
        claim(store, second),
        end(store, held).then(() => unparkOldest(store, tenant.tenantId, first.workspace)),
      ]);
      const record = await read(store, second);
      const alive = result.kind === 'claimed' || promoted.some(({ job_id }) => job_id === second.job_id);
      expect({ kind: result.kind, parked: record.parked_for, alive }).toMatchObject({ alive: true });
    }
  });
});
