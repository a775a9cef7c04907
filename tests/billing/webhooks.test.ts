import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { sign } from '../../local/stripe/webhooks.ts';
import { listEntries } from '../../shared/store/audit/list-entries.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { BODY_MAX_BYTES } from '../../api/http/read-request.ts';
import { SCALE, shown } from '../faults/shown.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { refreshInvoice } from '../../api/billing/refresh-invoice.ts';
import { getInvoice } from '../../shared/store/billing/invoices.ts';
import { type BillingWorld, checkOut, createBillingWorld, payingTenant, stored } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Faults 18 and 19, and what comes to the webhook that is not Stripe's. */

let world: BillingWorld;

beforeAll(async () => {
  const { local } = await sharedOutpost();
  world = await createBillingWorld(local, '2034-03-15T10:00:00.000Z', {
    webhookSecrets: (secret) => ['whsec_the_next_one', secret, 'whsec_of_meter_errors'],
  });
});

const nowSeconds = (): number => Math.floor(world.clock.now() / 1000);

const post = (body: string, signature?: string): Promise<Response> =>
  world.request('POST', '/webhooks/stripe', {
    body,
    headers: signature === undefined ? {} : { 'stripe-signature': signature },
  });

/** An event that would make a tenant Pro, not delivered yet. */
async function waitingEvent() {
  const tenant = await payingTenant(world);
  await checkOut(world, tenant, 'pro');
  const bodies: string[] = [];
  await world.deliver((waiting) => {
    bodies.push(...waiting);
    return [];
  });
  const body = bodies.find((each) => each.includes('customer.subscription.created'));
  if (body === undefined) throw new Error('no event');
  return { tenant, body, bodies };
}

describe('what Stripe did not send', () => {
  const refusals: [string, (body: string) => Promise<Response>, number][] = [
    ['unsigned', (body) => post(body), 400],
    [
      'signed with another secret',
      async (body) => post(body, await sign(body, 'whsec_other', nowSeconds())),
      400,
    ],
    [
      'signed for another body',
      async (body) => post(body, await sign(`${body} `, world.webhookSecret, nowSeconds())),
      400,
    ],
    [
      'replayed after the tolerance',
      async (body) => post(body, await sign(body, world.webhookSecret, nowSeconds() - 301)),
      400,
    ],
    [
      'dated in the future',
      async (body) => post(body, await sign(body, world.webhookSecret, nowSeconds() + 301)),
      400,
    ],
    ['with a header that is none', (body) => post(body, 'v1=x'), 400],
    [
      'too large',
      async () => {
        const body = JSON.stringify({ padding: 'x'.repeat(BODY_MAX_BYTES) });
        return post(body, await sign(body, world.webhookSecret, nowSeconds()));
      },
      413,
    ],
    ['not JSON', async () => post('hello', await sign('hello', world.webhookSecret, nowSeconds())), 400],
    ['JSON but no event', async () => post('{}', await sign('{}', world.webhookSecret, nowSeconds())), 400],
    ['a list', async () => post('[]', await sign('[]', world.webhookSecret, nowSeconds())), 400],
  ];

  test.each(refusals)(
    'is refused when it is %s; nothing changes and it is audited',
    async (_, attempt, status) => {
      const { tenant, body } = await waitingEvent();
      const before = await stored(world, tenant);
      const answer = await attempt(body);
      expect(answer.status).toBe(status);
      expect(await stored(world, tenant)).toEqual(before);
      const requestId = answer.headers.get('x-request-id') ?? '';
      expect(world.audited.find((entry) => entry.request_id === requestId)).toMatchObject({
        action: 'billing.webhook',
        outcome: 'denied',
        status,
      });
    },
  );
});

function shuffle<T>(list: readonly T[]): T[] {
  return list
    .map((each) => ({ each, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ each }) => each);
}

describe('an event', () => {
  test('may be signed with any of the secrets that are configured', async () => {
    const { tenant, body } = await waitingEvent();
    const answer = await post(body, await sign(body, 'whsec_the_next_one', nowSeconds()));
    expect(await answer.json()).toEqual({ received: 'done' });
    expect((await stored(world, tenant)).plan).toBe('pro');
  });

  test('changes a tenant once when it comes ten times at once, and ten times again', async () => {
    const { tenant, body } = await waitingEvent();
    const before = await stored(world, tenant);
    const signature = await sign(body, world.webhookSecret, nowSeconds());
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(body, signature)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
    expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
    for (let round = 0; round < 10; round += 1) {
      expect(await (await post(body, signature)).json()).toEqual({ received: 'repeated' });
    }
    const after = await stored(world, tenant);
    expect(after).toMatchObject({ plan: 'pro', revision: before.revision + 1 });
    const { entries } = await listEntries(
      world.deps.store,
      tenant.tenantId,
      { from: '2034-01-01T00:00:00.000Z', to: '2035-01-01T00:00:00.000Z', action: 'billing.sync' },
      { limit: 10 },
    );
    expect(entries).toHaveLength(1);
    shown(18, 20);
  });

  test('leaves the tenant as Stripe is now, in whatever order they come', async () => {
    const orders = Math.min(3 * SCALE, 20);
    for (let order = 0; order < orders; order += 1) {
      const { tenant, bodies } = await waitingEvent();
      const stripe = await world.billing.stripe();
      const [subscription] = (await stripe.subscriptions.list({ customer: tenant.customer })).data;
      await stripe.subscriptions.cancel(subscription?.id ?? '');
      await world.deliver((waiting) => {
        bodies.push(...waiting);
        return [];
      });
      const shuffled = order === 0 ? bodies.toReversed() : shuffle(bodies);
      for (const body of shuffled) {
        const answer = await post(body, await sign(body, world.webhookSecret, nowSeconds()));
        expect(answer.status).toBe(200);
        // Invoices being made and closed change no tenant; that one is paid is said by another event as well.
        if (/"invoice\.(created|finalized|paid)"/.test(body)) continue;
        expect(await stored(world, tenant)).toMatchObject({ plan: 'free', status: 'canceled' });
      }
    }
    shown(19, orders);
  });

  test('of an invoice that two processes take leaves it as it was asked for last', async () => {
    const { tenant, bodies } = await waitingEvent();
    const created = bodies.find((each) => each.includes('"invoice.created"')) ?? '';
    const invoiceId: string = JSON.parse(created).data.object.id;
    const invoice = world.stripe.state.invoices.get(invoiceId);
    if (invoice === undefined) throw new Error('no invoice');
    // While the first one's answer is on its way, the invoice changes and another process stores it.
    const gate = Promise.withResolvers<undefined>();
    let asked = 0;
    world.stripe.state.invoices.put({ ...invoice, status: 'open' });
    const stale = world.billing;
    const slow = {
      ...stale,
      stripe: async () => {
        const client = await stale.stripe();
        asked += 1;
        if (asked === 1) {
          const answer = await client.invoices.retrieve(invoiceId);
          await gate.promise;
          return Object.create(client, { invoices: { value: { retrieve: async () => answer } } });
        }
        return client;
      },
    };
    const first = refreshInvoice(world.deps, slow, tenant.tenantId, invoiceId);
    while (asked === 0) await Bun.sleep(1);
    world.stripe.state.invoices.put({ ...invoice, status: 'paid' });
    await refreshInvoice(world.deps, stale, tenant.tenantId, invoiceId);
    gate.resolve(undefined);
    await first;
    expect(await getInvoice(world.deps.store, tenant.tenantId, invoiceId)).toMatchObject({ status: 'paid' });
    expect(asked).toBe(2);
  });

  test('is not done when Stripe cannot be asked, and is when it comes again', async () => {
    const { tenant, body } = await waitingEvent();
    const signature = await sign(body, world.webhookSecret, nowSeconds());
    world.faultOf = () => 'refuse';
    expect((await post(body, signature)).status).toBe(503);
    world.faultOf = undefined;
    expect((await stored(world, tenant)).plan).toBe('free');
    expect(await (await post(body, signature)).json()).toEqual({ received: 'done' });
    expect((await stored(world, tenant)).plan).toBe('pro');
  });

  test('of a stranger is answered and ignored', async () => {
    const body = JSON.stringify({
      id: 'evt_stranger',
      object: 'event',
      type: 'customer.subscription.updated',
      data: { object: { id: 'sub_x', customer: 'cus_stranger' } },
    });
    const answer = await post(body, await sign(body, world.webhookSecret, nowSeconds()));
    expect(await answer.json()).toEqual({ received: 'ignored' });
  });

  test('is answered 503 where billing is off', async () => {
    const { api } = await sharedOutpost();
    const answer = await api.request('POST', '/webhooks/stripe', { body: '{}' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'billing_off' });
    expect(await getTenant(world.deps.store, 'nobody')).toBeUndefined();
  });
});
