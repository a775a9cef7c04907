import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { reconcile } from '../../api/billing/reconcile.ts';
import { syncTenant } from '../../api/billing/sync-tenant.ts';
import { runBilling } from '../../api/billing/run-billing.ts';
import { transact } from '../../shared/store/transact.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { createTestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import {
  type BillingWorld,
  checkOut,
  createBillingWorld,
  DAY,
  payingTenant,
  stored,
  subscribe,
} from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row B1: customers, Checkout, portal; the tenant follows Stripe, whatever becomes of the events. */

let world: BillingWorld;

beforeAll(async () => {
  const { local } = await sharedOutpost();
  world = await createBillingWorld(local, '2033-01-31T09:30:15.000Z');
});

const call = (method: string, path: string, key: string, body?: unknown): Promise<Response> =>
  world.request(method, path, { key, ...(body === undefined ? {} : { body }) });

/** The one subscription of a customer, as Stripe has it. */
const subscriptionOf = (customer: string) => {
  const found = world.stripe.state.subscriptions.all().filter((each) => each.customer === customer);
  const last = found.at(-1);
  if (last === undefined) throw new Error('no subscription');
  return last;
};

describe('Checkout', () => {
  test('sells a plan; the tenant has it once the events arrived', async () => {
    const tenant = await payingTenant(world);
    await checkOut(world, tenant, 'pro');
    expect((await stored(world, tenant)).plan).toBe('free');
    expect(new Set(await world.deliver())).toEqual(new Set([200]));
    expect(await stored(world, tenant)).toMatchObject({
      plan: 'pro',
      status: 'active',
      billing_anchor: '2033-01-31T09:30:15.000Z',
      billing: { subscription_status: 'active', cancel_at: null, grace_until: null },
    });
    const usage = await (await call('GET', '/usage', tenant.apiKey)).json();
    expect(usage).toMatchObject({ limit: 100, resets_at: '2033-02-28T09:30:15.000Z' });
  });

  test('leads a tenant with a subscription to the portal', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const answer = await (
      await call('POST', '/billing/checkout', tenant.apiKey, { plan: 'enterprise' })
    ).json();
    expect(answer).toMatchObject({ action: 'portal', effective_at: null });
    expect(answer.url).toContain(tenant.customer);
  });

  test('schedules the end of a plan for Free, and the plan lasts until then', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const end = '2033-02-28T09:30:15.000Z';
    const answer = await call('POST', '/billing/checkout', tenant.apiKey, { plan: 'free' });
    expect(await answer.json()).toEqual({ action: 'cancellation_scheduled', url: null, effective_at: end });
    await world.deliver();
    expect(await stored(world, tenant)).toMatchObject({ plan: 'pro', billing: { cancel_at: end } });
  });

  test('refuses a tenant whose plan the operator set', async () => {
    const tenant = await payingTenant(world);
    const before = await stored(world, tenant);
    await transact(world.deps.store, changeTenant(world.deps.store, before, { plan_source: 'manual' }));
    expect((await call('POST', '/billing/checkout', tenant.apiKey, { plan: 'pro' })).status).toBe(409);
  });

  test('answers a repeated request with the same page', async () => {
    const tenant = await payingTenant(world);
    const send = () =>
      world.request('POST', '/billing/checkout', {
        key: tenant.apiKey,
        body: { plan: 'pro' },
        headers: { 'idempotency-key': 'once' },
      });
    const [first, second] = [await (await send()).json(), await (await send()).json()];
    expect(second).toEqual(first);
  });
});

describe('a customer', () => {
  test('is one, however many ask at once', async () => {
    const before = world.stripe.state.customers.all().length;
    const tenant = await payingTenant(world);
    await Promise.all(Array.from({ length: 10 }, () => call('GET', '/billing/portal', tenant.apiKey)));
    expect(world.stripe.state.customers.all()).toHaveLength(before + 1);
  });

  test('is made later when Stripe was down, and nothing else waits for it', async () => {
    world.faultOf = () => 'refuse';
    const admin = await operatorKey();
    const created = await call('POST', '/tenants', admin, { name: 'Later', email: 'later@example.com' });
    expect(created.status).toBe(201);
    const { id: tenantId } = await created.json();
    await runBilling(world.deps);
    expect((await stored(world, { tenantId })).stripe_customer_id).toBeNull();
    world.faultOf = undefined;
    world.pass(61_000);
    await runBilling(world.deps);
    expect(await stored(world, { tenantId })).toMatchObject({
      plan_source: 'stripe',
      stripe_customer_id: expect.stringMatching(/^cus_/),
    });
  });

  test('leaves the API with 503 while Stripe is down', async () => {
    const tenant = await payingTenant(world);
    world.faultOf = () => 'refuse';
    const answer = await call('GET', '/billing/portal', tenant.apiKey);
    world.faultOf = undefined;
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'unavailable' });
  });
});

async function operatorKey(): Promise<string> {
  return (await createTestTenant(world.deps.store, { scopes: ['admin'] })).apiKey;
}

describe('a change of plan', () => {
  test('is previewed, takes hold at once and keeps what is used', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const jobs = await Promise.all(
      Array.from({ length: 4 }, () => call('POST', '/jobs', tenant.apiKey, { agent: 'codex', command: 'x' })),
    );
    expect(jobs.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    const preview = await (await call('GET', '/billing/preview?plan=enterprise', tenant.apiKey)).json();
    expect(preview).toEqual({
      from: 'pro',
      to: 'enterprise',
      currency: 'usd',
      total: 47_000,
      amount_due: 47_000,
    });
    const changed = await call('POST', '/billing/plan', tenant.apiKey, { plan: 'enterprise' });
    expect(await changed.json()).toEqual({ plan: 'enterprise', status: 'active' });
    const back = await call('POST', '/billing/plan', tenant.apiKey, { plan: 'pro' });
    expect(await back.json()).toEqual({ plan: 'pro', status: 'active' });
    expect(await (await call('GET', '/usage', tenant.apiKey)).json()).toMatchObject({ used: 4, limit: 100 });
  });

  test('needs a subscription', async () => {
    const tenant = await payingTenant(world);
    expect((await call('POST', '/billing/plan', tenant.apiKey, { plan: 'pro' })).status).toBe(409);
  });
});

describe('a payment that fails', () => {
  test('leaves the plan for seven days, then Free; a later payment brings it back', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const subscription = subscriptionOf(tenant.customer);
    world.refused.add(tenant.customer);
    world.pass(subscription.items.data[0]!.current_period_end * 1000 - world.clock.now());
    await world.deliver();
    await runBilling(world.deps);
    world.pass(3_600_000);
    await world.deliver();
    const late = await stored(world, tenant);
    expect(late).toMatchObject({
      plan: 'pro',
      status: 'past_due',
      billing: { subscription_status: 'past_due' },
    });
    const grace = Date.parse(late.billing?.grace_until ?? '');
    expect(grace - world.clock.now()).toBeGreaterThan(6 * DAY);
    // Retries in between do not start the grace again.
    world.clock.advance(4 * DAY);
    world.stripe.advance();
    await world.deliver();
    expect((await stored(world, tenant)).billing?.grace_until).toBe(late.billing?.grace_until ?? '');
    world.clock.advance(grace + 1000 - world.clock.now());
    await runBilling(world.deps);
    expect(await stored(world, tenant)).toMatchObject({ plan: 'free', status: 'past_due' });
    world.refused.clear();
    world.pass(3 * DAY);
    await world.deliver();
    expect(await stored(world, tenant)).toMatchObject({
      plan: 'pro',
      status: 'active',
      billing: { grace_until: null },
    });
  });
});

describe('a manual plan', () => {
  test('is out of reach of events', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const before = await stored(world, tenant);
    await transact(
      world.deps.store,
      changeTenant(world.deps.store, before, { plan_source: 'manual', plan: 'enterprise' }),
    );
    const { billing } = world;
    const stripe = await billing.stripe();
    await stripe.subscriptions.cancel(subscriptionOf(tenant.customer).id);
    await world.deliver();
    expect(await stored(world, tenant)).toMatchObject({
      plan: 'enterprise',
      status: 'active',
      billing: { subscription_id: null },
    });
  });
});

describe('a tenant that changes while Stripe is asked', () => {
  test('is not left half-way: one that is deleted meanwhile pays for nothing more', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const admin = await operatorKey();
    let asked = false;
    world.faultOf = async (route) => {
      if (route !== 'GET /v1/subscriptions' || asked) return undefined;
      asked = true;
      expect((await call('DELETE', `/tenants/${tenant.tenantId}`, admin)).status).toBe(200);
      return undefined;
    };
    await syncTenant(world.deps, world.billing, tenant.tenantId);
    world.faultOf = undefined;
    await runBilling(world.deps);
    expect(subscriptionOf(tenant.customer).status).toBe('canceled');
  });

  test('has the plan that it pays for once the operator gives it back', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'enterprise');
    const admin = await operatorKey();
    const patch = (body: object): Promise<Response> =>
      call('PATCH', `/tenants/${tenant.tenantId}`, admin, body);
    expect((await patch({ plan: 'free' })).status).toBe(200);
    await runBilling(world.deps);
    expect(await stored(world, tenant)).toMatchObject({ plan: 'free', plan_source: 'manual' });
    expect((await patch({ plan_source: 'stripe' })).status).toBe(200);
    await runBilling(world.deps);
    expect(await stored(world, tenant)).toMatchObject({ plan: 'enterprise', plan_source: 'stripe' });
  });
});

describe('without events', () => {
  test('the daily reconciliation makes the tenant what Stripe says', async () => {
    const tenant = await payingTenant(world);
    await checkOut(world, tenant, 'enterprise');
    await world.deliver(() => []);
    expect((await stored(world, tenant)).plan).toBe('free');
    const report = await reconcile(world.deps, world.billing);
    expect(report.differences).toEqual([]);
    expect((await stored(world, tenant)).plan).toBe('enterprise');
  }, 60_000);

  test('a price that nobody configured changes nothing and is told', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const subscription = subscriptionOf(tenant.customer);
    subscription.items.data[0]!.price = { ...subscription.items.data[0]!.price, id: 'price_unknown' };
    world.stripe.state.subscriptions.put(subscription);
    await reconcile(world.deps, world.billing);
    expect((await stored(world, tenant)).plan).toBe('pro');
    expect(world.lines.some((line) => line.includes('billing.unknown_price'))).toBe(true);
    expect(world.lines.some((line) => line.includes('"BillingDifference":1'))).toBe(true);
  }, 60_000);
});
