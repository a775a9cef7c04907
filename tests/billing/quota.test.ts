import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { billingPeriod } from '../../shared/billing-period.ts';
import type { LimitOverrides, Plan, TenantRecord } from '../../shared/model/tenant.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { endJob } from '../../shared/store/jobs/end-job.ts';
import { markAgentStarted } from '../../shared/store/jobs/write-leased.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { transact } from '../../shared/store/transact.ts';
import { quotaChange } from '../../shared/store/usage/change-quota.ts';
import { getCounter } from '../../shared/store/usage/read-usage.ts';
import { createInProcess, type InProcess } from '../audit/in-process.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { shown } from '../faults/shown.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { createFakeClock, type FakeClock } from '../limits/fake-clock.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row B2: quotas are exact under concurrency, at both ends of a period and across changes of plan. */

let api: InProcess;
let clock: FakeClock;

beforeAll(async () => {
  const { local } = await sharedOutpost();
  clock = createFakeClock(Date.parse('2031-01-31T12:00:00.000Z'));
  api = await createInProcess(local, (deps) => ({
    ...deps,
    clock: { ...clock, observe: () => undefined },
    store: { ...deps.store, clock },
  }));
});

const tenantWith = (plan: Plan, limits: LimitOverrides = {}): Promise<TestTenant> =>
  createTestTenant(api.deps.store, { plan, limits });

async function submit(tenant: TestTenant): Promise<Response> {
  return api.request('POST', '/jobs', { key: tenant.apiKey, body: { agent: 'codex', command: 'hello' } });
}

/** Submits so many jobs at once and counts the answers by status. */
async function submitMany(tenant: TestTenant, count: number): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: count }, () => submit(tenant)));
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const usage = async (tenant: TestTenant) =>
  (await api.request('GET', '/usage', { key: tenant.apiKey })).json();

/** Changes a tenant as another process would: keys cached here keep their old copy. */
async function changeElsewhere(tenant: TestTenant, set: Partial<TenantRecord>): Promise<void> {
  const before = await getTenant(api.deps.store, tenant.tenantId);
  if (before === undefined) throw new Error('no such tenant');
  await transact(api.deps.store, [
    ...changeTenant(api.deps.store, before, set),
    ...(await quotaChange(api.deps.store, before, set)),
  ]);
}

const atTime = (time: string): void => clock.advance(Date.parse(time) - clock.now());

describe('a quota', () => {
  test('accepts exactly N of 200 submissions at once', async () => {
    const tenant = await tenantWith('free');
    expect(await submitMany(tenant, 200)).toEqual({ 202: 10, 402: 190 });
    expect(await usage(tenant)).toMatchObject({ used: 10, limit: 10 });
    shown(21, 200);
  });

  test('accepts N for each of two periods when 200 submissions meet the end of the first', async () => {
    const tenant = await tenantWith('free');
    const { end } = billingPeriod(Date.parse(tenant.tenant.billing_anchor), clock.now());
    atTime(new Date(Date.parse(end) - 1).toISOString());
    const before = submitMany(tenant, 100);
    clock.advance(1);
    const after = submitMany(tenant, 100);
    const accepted = [await before, await after].map((counts) => counts[202] ?? 0);
    const { start } = billingPeriod(Date.parse(tenant.tenant.billing_anchor), Date.parse(end) - 1);
    const used = await Promise.all(
      [start, end].map(
        async (period) => (await getCounter(api.deps.store, tenant.tenantId, period))?.used ?? 0,
      ),
    );
    // A submission counts for the period in which it is decided, so some of the first hundred are in the second.
    expect(used[0]).toBeLessThanOrEqual(10);
    expect(used[1]).toBe(10);
    expect((accepted[0] ?? 0) + (accepted[1] ?? 0)).toBe((used[0] ?? 0) + 10);
    expect(await submitMany(tenant, 20)).toEqual({ 402: 20 });
  });

  test('says when it resets and where to get more', async () => {
    const tenant = await tenantWith('free', { jobs_per_period: 0 });
    const answer = await submit(tenant);
    expect(answer.status).toBe(402);
    const period = billingPeriod(Date.parse(tenant.tenant.billing_anchor), clock.now());
    expect(await answer.json()).toMatchObject({
      code: 'quota_exceeded',
      resets_at: period.end,
      upgrade_url: '/billing/checkout',
    });
  });

  test('is whole again with the first instant of the next period, and not before', async () => {
    atTime('2031-01-31T12:00:00.000Z');
    const tenant = await tenantWith('free');
    // Anchored on the 31st: February ends the period on its last day.
    atTime('2031-02-28T11:59:59.999Z');
    expect(await submitMany(tenant, 200)).toEqual({ 202: 10, 402: 190 });
    atTime('2031-02-28T12:00:00.000Z');
    expect(await submitMany(tenant, 200)).toEqual({ 202: 10, 402: 190 });
    expect(await usage(tenant)).toMatchObject({
      period: { start: '2031-02-28T12:00:00.000Z', end: '2031-03-31T12:00:00.000Z' },
      used: 10,
    });
    atTime('2031-03-31T12:00:00.000Z');
    expect((await submit(tenant)).status).toBe(202);
  });

  test('keeps what is used across an upgrade and a downgrade, for cached keys at once', async () => {
    const tenant = await tenantWith('free');
    expect(await submitMany(tenant, 12)).toEqual({ 202: 10, 402: 2 });
    await changeElsewhere(tenant, { plan: 'pro' });
    expect(await submitMany(tenant, 15)).toEqual({ 202: 15 });
    expect(await usage(tenant)).toMatchObject({ used: 25, limit: 100 });
    await changeElsewhere(tenant, { plan: 'free' });
    expect(await submitMany(tenant, 3)).toEqual({ 402: 3 });
    expect(await usage(tenant)).toMatchObject({ used: 25, limit: 10 });
  });

  test('is exact while the plan changes under 200 submissions', async () => {
    const tenant = await tenantWith('free');
    const [counts] = await Promise.all([
      submitMany(tenant, 200),
      changeElsewhere(tenant, { plan: 'pro', limits: { jobs_per_period: 25 } }),
    ]);
    const { used } = await usage(tenant);
    expect(counts[202]).toBe(used);
    expect(used).toBeLessThanOrEqual(25);
    expect(await submitMany(tenant, 30)).toMatchObject({ 402: 30 - (25 - used) });
    expect(await usage(tenant)).toMatchObject({ used: 25, limit: 25 });
  });

  test('is exact while the plan is lowered under 200 submissions', async () => {
    const tenant = await tenantWith('pro', { jobs_per_period: 150 });
    const [counts] = await Promise.all([
      submitMany(tenant, 200),
      changeElsewhere(tenant, { plan: 'free', limits: {} }),
    ]);
    const { used, limit } = await usage(tenant);
    expect(counts[202]).toBe(used);
    expect(limit).toBe(10);
    expect(used).toBeLessThanOrEqual(150);
    expect(await submitMany(tenant, 30)).toEqual(
      used < 10 ? { 202: 10 - used, 402: 20 + used } : { 402: 30 },
    );
  });

  test('moves to the counter of a new anchor, and back to the old one as it was', async () => {
    const tenant = await tenantWith('free');
    const created = tenant.tenant.billing_anchor;
    expect(await submitMany(tenant, 10)).toEqual({ 202: 10 });
    clock.advance(60_000);
    const anchor = new Date(clock.now()).toISOString();
    await changeElsewhere(tenant, { plan: 'pro', billing_anchor: anchor });
    expect(await submitMany(tenant, 5)).toEqual({ 202: 5 });
    expect(await usage(tenant)).toMatchObject({ used: 5, limit: 100, period: { start: anchor } });
    // Cancelled within the month: the Free quota of that month is still used up.
    await changeElsewhere(tenant, { plan: 'free', billing_anchor: created });
    expect(await submitMany(tenant, 5)).toEqual({ 402: 5 });
  });

  test('counts what a tenant had without a limit when it gets one, once', async () => {
    const tenant = await tenantWith('enterprise');
    expect(await submitMany(tenant, 7)).toEqual({ 202: 7 });
    await changeElsewhere(tenant, { plan: 'free' });
    expect(await usage(tenant)).toMatchObject({ used: 7, limit: 10 });
    await changeElsewhere(tenant, { plan: 'enterprise' });
    await changeElsewhere(tenant, { plan: 'free' });
    expect(await usage(tenant)).toMatchObject({ used: 7, limit: 10 });
  });
});

describe('a refund', () => {
  async function claim(tenant: TestTenant) {
    const { job_id: jobId } = await (await submit(tenant)).json();
    const claimed = await claimJob(api.deps.store, {
      tenantId: tenant.tenantId,
      jobId,
      workerId: 'test',
      leaseSeconds: 60,
    });
    if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
    return claimed;
  }

  test('is given for a job whose agent never started, as often as the limit', async () => {
    const tenant = await tenantWith('free', { jobs_per_period: 2, concurrent_jobs: null });
    const failure = { code: 'provider_key_missing', message: 'no key' };
    const ended: boolean[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { job, lease } = await claim(tenant);
      ended.push(await endJob(api.deps.store, job, { guard: 'lease', lease }, { status: 'failed', failure }));
    }
    expect(ended).toEqual([true, true, true, true]);
    expect(await usage(tenant)).toMatchObject({ used: 2, limit: 2 });
    expect((await submit(tenant)).status).toBe(402);
    const period = billingPeriod(Date.parse(tenant.tenant.billing_anchor), clock.now());
    expect(await getCounter(api.deps.store, tenant.tenantId, period.start)).toMatchObject({ refunded: 2 });
  });

  test('is not given once the agent started', async () => {
    const tenant = await tenantWith('free');
    const { job, lease } = await claim(tenant);
    const started = await markAgentStarted(api.deps.store, lease, new Date(clock.now()).toISOString());
    await endJob(
      api.deps.store,
      started ?? job,
      { guard: 'lease', lease },
      { status: 'failed', failure: null },
    );
    expect(await usage(tenant)).toMatchObject({ used: 1 });
  });
});

describe('GET /plans', () => {
  test('lists the limits, without prices where billing is off', async () => {
    const tenant = await tenantWith('free');
    const { plans } = await (await api.request('GET', '/plans', { key: tenant.apiKey })).json();
    expect(plans.map(({ plan }: { plan: string }) => plan)).toEqual(['free', 'pro', 'enterprise']);
    expect(plans[0]).toEqual({
      plan: 'free',
      jobs_per_period: 10,
      concurrent_jobs: 2,
      requests_per_minute: 1000,
      price: null,
      price_per_job: null,
    });
  });
});
