import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { startBilling } from '../../cli/start/billing.ts';
import { sign } from '../../local/stripe/webhooks.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { transact } from '../../shared/store/transact.ts';
import { type Child, startChild } from '../harness/child.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';

type Server = { readonly endpoint: string; stop(): Promise<unknown> };

/** How long an event may take from the stand-in to the tenant; patience, not a promise. */
const PATIENCE_MS = 60_000;

/**
 * Row B1 over real HTTP, whatever serves the API: the stand-in is a process, as `bun start` runs it, and sends
 * its own events. `start` starts an API with this environment on top of its own.
 */
export function billingOverHttp(start: (env: Readonly<Record<string, string>>) => Promise<Server>): void {
  let standIn: Child;
  let api: Server;
  let folder: string;
  let secret: string;
  let tenant: TestTenant;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outpost-billing-'));
    const billing = await startBilling({}, 'https://console.example/billing', async (env) => {
      standIn = await startChild('local/stripe/main.ts', { OUTPOST_DATA_DIR: folder, ...env });
      return standIn;
    });
    secret = billing.env['STRIPE_WEBHOOK_SECRET'] ?? '';
    api = await start(billing.env);
    await billing.connect(api.endpoint);
    const { store } = (await sharedOutpost()).aws;
    tenant = await createTestTenant(store, { plan: 'free' });
    await transact(store, changeTenant(store, tenant.tenant, { plan_source: 'stripe' }));
  }, PATIENCE_MS);
  afterAll(async () => {
    await api.stop();
    await standIn.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const call = (method: string, path: string, body?: unknown, accept?: string): Promise<Response> =>
    fetch(`${api.endpoint}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        authorization: `Bearer ${tenant.apiKey}`,
        'content-type': 'application/json',
        ...(accept === undefined ? {} : { accept }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const read = async (path: string) => (await call('GET', path)).json();
  const planOf = async (): Promise<string> => (await read(`/tenants/${tenant.tenantId}`)).plan;

  async function untilPlan(plan: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while ((await planOf()) !== plan) {
      if (Date.now() > deadline) throw new Error(`the tenant is still ${await planOf()}`);
      await Bun.sleep(100);
    }
  }

  test('a plan is bought on the hosted page, and the event makes the tenant have it', async () => {
    const answer = await (await call('POST', '/billing/checkout', { plan: 'pro' })).json();
    expect(answer).toMatchObject({ action: 'checkout' });
    const paid = await fetch(answer.url, { method: 'POST', redirect: 'manual' });
    expect(paid.status).toBe(303);
    await untilPlan('pro');
    expect(await read('/usage')).toMatchObject({ used: 0, limit: 100 });
    const { plans } = await read('/plans');
    expect(plans.map(({ price }: { price: unknown }) => price)).toEqual([
      null,
      { amount: '2900', currency: 'usd' },
      { amount: '49900', currency: 'usd' },
    ]);
  });

  test('the portal is JSON, and a redirect for a browser', async () => {
    const json = await call('GET', '/billing/portal');
    expect(json.status).toBe(200);
    const { url } = await json.json();
    expect(url).toStartWith(`${standIn.endpoint}/portal/`);
    const browser = await call('GET', '/billing/portal', undefined, 'text/html,application/xhtml+xml');
    expect(browser.status).toBe(303);
    expect(browser.headers.get('location')).toStartWith(`${standIn.endpoint}/portal/`);
  });

  test('a change of plan is previewed and made; its invoices are listed', async () => {
    expect(await read('/billing/preview?plan=enterprise')).toMatchObject({ from: 'pro', to: 'enterprise' });
    const changed = await call('POST', '/billing/plan', { plan: 'enterprise' });
    expect(await changed.json()).toEqual({ plan: 'enterprise', status: 'active' });
    const deadline = Date.now() + PATIENCE_MS;
    let invoices: unknown[] = [];
    while (invoices.length < 2 && Date.now() < deadline) {
      await Bun.sleep(100);
      ({ invoices } = await read('/billing/invoices'));
    }
    expect(invoices).toHaveLength(2);
    for (const invoice of invoices) expect(invoice).toMatchObject({ status: 'paid', currency: 'usd' });
  });

  test('a plan is left at the end of its period', async () => {
    const left = await (await call('POST', '/billing/checkout', { plan: 'free' })).json();
    expect(left).toMatchObject({ action: 'cancellation_scheduled', effective_at: expect.any(String) });
    expect(await planOf()).toBe('enterprise');
  });

  describe('the webhook', () => {
    const seconds = (): number => Math.floor(Date.now() / 1000);
    const post = (body: string, signature?: string): Promise<Response> =>
      fetch(`${api.endpoint}/webhooks/stripe`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(signature === undefined ? {} : { 'stripe-signature': signature }),
        },
        body,
      });
    const event = (id: string): string =>
      JSON.stringify({
        id,
        object: 'event',
        type: 'customer.subscription.deleted',
        data: { object: { id: 'sub_x', customer: 'cus_x' } },
      });

    test.each([
      ['unsigned', async () => undefined],
      ['signed with another secret', (body: string) => sign(body, 'whsec_other', seconds())],
      ['old', (body: string) => sign(body, secret, seconds() - 1000)],
      ['of the future', (body: string) => sign(body, secret, seconds() + 1000)],
    ] as const)('refuses what is %s', async (_, signatureOf) => {
      const body = event('evt_refused');
      expect((await post(body, await signatureOf(body))).status).toBe(400);
    });

    test('takes what any of the given signatures signs', async () => {
      const body = event(`evt_${crypto.randomUUID().replaceAll('-', '')}`);
      const answer = await post(body, await sign(body, [secret, 'whsec_other'], seconds()));
      // A stranger's customer: verified, and nothing to do.
      expect(await answer.json()).toEqual({ received: 'ignored' });
      expect(await planOf()).toBe('enterprise');
    });
  });
}
