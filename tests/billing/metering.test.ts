import { beforeAll, beforeEach, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { reportUsage } from '../../api/billing/report-usage.ts';
import { ledgerOutbox } from '../../shared/store/billing/outbox.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { billableJob, metered, row } from './ledger-jobs.ts';
import { type BillingWorld, createBillingWorld, DAY, HOUR, MINUTE, payingTenant } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Metering: each billable job reaches Stripe once, whatever happens on the way. */

let world: BillingWorld;

beforeAll(async () => {
  const { local } = await sharedOutpost();
  world = await createBillingWorld(local, '2035-05-10T08:00:30.000Z', { countedAfter: 120 });
});

beforeEach(() => {
  world.faultOf = undefined;
});

describe('the reporter', () => {
  test('tells Stripe of each job once, with its own time, one call at a time', async () => {
    const tenant = await payingTenant(world);
    const at = world.clock.now() - 5 * MINUTE;
    const ids = await Promise.all(Array.from({ length: 12 }, () => billableJob(world, tenant, at)));
    await reportUsage(world.deps, world.billing);
    await reportUsage(world.deps, world.billing);
    const events = metered(world, tenant);
    expect(events.map(({ identifier }) => identifier).toSorted()).toEqual(ids.toSorted());
    expect(new Set(events.map(({ timestamp }) => timestamp))).toEqual(new Set([Math.floor(at / 1000)]));
    for (const id of ids) expect(await row(world, tenant, id)).toMatchObject({ report_outcome: 'reported' });
  });

  test.each(['refuse', 'fail', 'drop'] as const)(
    'counts a job once when the call is met by: %s',
    async (fault) => {
      const tenant = await payingTenant(world);
      const jobId = await billableJob(world, tenant);
      world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? fault : undefined);
      await reportUsage(world.deps, world.billing);
      expect(await row(world, tenant, jobId)).toMatchObject({ outbox: ledgerOutbox(tenant.tenantId) });
      world.faultOf = undefined;
      await reportUsage(world.deps, world.billing);
      expect(metered(world, tenant)).toHaveLength(1);
      expect((await row(world, tenant, jobId)).outbox).toBeUndefined();
    },
  );

  test('takes a duplicate identifier for delivered, when the Idempotency-Key is forgotten', async () => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(world, tenant);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? 'drop' : undefined);
    await reportUsage(world.deps, world.billing);
    world.faultOf = undefined;
    world.stripe.state.replays.remove(jobId);
    await reportUsage(world.deps, world.billing);
    expect(metered(world, tenant)).toHaveLength(1);
    expect(await row(world, tenant, jobId)).toMatchObject({ report_outcome: 'reported' });
  });

  test.each([
    ['drop', 'arrived and is not sent again'],
    ['refuse', 'never arrived and is sent'],
  ] as const)('after 24 hours asks what became of a call that met: %s; it %s', async (fault) => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(world, tenant);
    const other = await billableJob(world, tenant);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? fault : undefined);
    await reportUsage(world.deps, world.billing);
    world.faultOf = undefined;
    world.pass(26 * HOUR);
    await reportUsage(world.deps, world.billing);
    expect(metered(world, tenant)).toHaveLength(2);
    for (const id of [jobId, other])
      expect(await row(world, tenant, id)).toMatchObject({ report_outcome: 'reported' });
  });

  test('waits with one whose outcome is unknown while Stripe may not have counted its neighbours', async () => {
    const tenant = await payingTenant(world);
    world.pass(MINUTE - (world.clock.now() % MINUTE) + 30_000);
    const ended = world.clock.now();
    const unknown = await billableJob(world, tenant, ended);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? 'drop' : undefined);
    await reportUsage(world.deps, world.billing);
    world.faultOf = undefined;
    world.pass(26 * HOUR);
    // Written only now, and of the same minute: it is reported first.
    const neighbour = await billableJob(world, tenant, ended - 1000);
    await reportUsage(world.deps, world.billing);
    expect(await row(world, tenant, neighbour)).toMatchObject({ report_outcome: 'reported' });
    expect((await row(world, tenant, unknown)).outbox).toBeDefined();
    world.pass(2 * HOUR);
    await reportUsage(world.deps, world.billing);
    expect(await row(world, tenant, unknown)).toMatchObject({ report_outcome: 'reported' });
    expect(metered(world, tenant)).toHaveLength(2);
  });

  test('says which usage Stripe took and could not count, once', async () => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(world, tenant);
    world.stripe.state.customers.remove(tenant.customer);
    await world.deliver(() => []);
    await reportUsage(world.deps, world.billing);
    expect(await row(world, tenant, jobId)).toMatchObject({ report_outcome: 'reported' });
    expect(metered(world, tenant)).toHaveLength(0);
    expect(await world.deliver((bodies) => [...bodies, ...bodies])).toEqual([200, 200]);
    const alerts = world.lines.filter((line) => line.includes('billing.meter_error') && line.includes(jobId));
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toContain('meter_event_customer_not_found');
  });

  test('gives up a job that Stripe is too late for, and says so', async () => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(world, tenant, world.clock.now() - 36 * DAY);
    await reportUsage(world.deps, world.billing);
    expect(await row(world, tenant, jobId)).toMatchObject({ report_outcome: 'expired' });
    expect(world.lines.some((line) => line.includes('billing.usage_expired') && line.includes(jobId))).toBe(
      true,
    );
  });
});
