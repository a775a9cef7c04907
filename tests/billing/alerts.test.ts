import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { type QuotaAlert, raiseAlerts } from '../../api/billing/raise-alerts.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { type BillingWorld, createBillingWorld } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row B2: alerts at 80 % and 100 %, each once a period. And the spend cap, which is enforced like a quota. */

let world: BillingWorld;

beforeAll(async () => {
  const { local } = await sharedOutpost();
  world = await createBillingWorld(local, '2036-02-29T12:00:00.000Z');
});

async function submitMany(tenant: TestTenant, count: number): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  const answers = await Promise.all(
    Array.from({ length: count }, () =>
      world.request('POST', '/jobs', { key: tenant.apiKey, body: { agent: 'codex', command: 'x' } }),
    ),
  );
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const usage = async (tenant: TestTenant) =>
  (await world.request('GET', '/usage', { key: tenant.apiKey })).json();

/** One sweep; the alerts of this tenant that were handed over. */
async function sweepFor(tenant: TestTenant, fails = false): Promise<number[]> {
  const sent: QuotaAlert[] = [];
  await raiseAlerts(world.deps, async (alert) => {
    if (fails) throw new Error('the topic does not answer');
    sent.push(alert);
  });
  return sent.filter(({ tenantId }) => tenantId === tenant.tenantId).map(({ threshold }) => threshold);
}

describe('quota alerts', () => {
  test('come at 80 % and at 100 %, once each, and show in GET /usage', async () => {
    const tenant = await createTestTenant(world.deps.store, { plan: 'free' });
    await submitMany(tenant, 7);
    expect(await sweepFor(tenant)).toEqual([]);
    await submitMany(tenant, 1);
    expect(await sweepFor(tenant)).toEqual([80]);
    expect(await sweepFor(tenant)).toEqual([]);
    await submitMany(tenant, 10);
    expect(await sweepFor(tenant)).toEqual([100]);
    expect(await sweepFor(tenant)).toEqual([]);
    expect((await usage(tenant)).alerts.map(({ threshold }: { threshold: number }) => threshold)).toEqual([
      80, 100,
    ]);
  });

  test('are handed over again until they arrive', async () => {
    const tenant = await createTestTenant(world.deps.store, { plan: 'free' });
    await submitMany(tenant, 10);
    expect(await sweepFor(tenant, true)).toEqual([]);
    expect(new Set(await sweepFor(tenant))).toEqual(new Set([80, 100]));
    expect(await sweepFor(tenant)).toEqual([]);
  });

  test('are raised once when sweeps run beside each other', async () => {
    const tenant = await createTestTenant(world.deps.store, { plan: 'free', limits: { jobs_per_period: 5 } });
    await submitMany(tenant, 4);
    await Promise.all([sweepFor(tenant, true), sweepFor(tenant, true), sweepFor(tenant, true)]);
    expect(await sweepFor(tenant)).toEqual([80]);
  });
});

describe('a spend cap', () => {
  const cap = (tenant: TestTenant, jobs: number | null): Promise<Response> =>
    world.request('PUT', '/billing/spend-cap', { key: tenant.apiKey, body: { jobs_per_period: jobs } });

  test('is exact under concurrency, counts what was used before, and can be taken away', async () => {
    const tenant = await createTestTenant(world.deps.store, { plan: 'enterprise' });
    expect(await submitMany(tenant, 6)).toEqual({ 202: 6 });
    expect((await cap(tenant, 20)).status).toBe(200);
    expect(await submitMany(tenant, 60)).toEqual({ 202: 14, 402: 46 });
    expect(await usage(tenant)).toMatchObject({ used: 20, limit: 20 });
    expect((await cap(tenant, null)).status).toBe(200);
    expect(await submitMany(tenant, 3)).toEqual({ 202: 3 });
  }, 30_000);

  test('is Enterprise’s alone', async () => {
    const tenant = await createTestTenant(world.deps.store, { plan: 'pro' });
    expect((await cap(tenant, 20)).status).toBe(403);
  });
});
