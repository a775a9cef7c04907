import { expect } from 'bun:test';
import { type App, createApp } from '../../api/app.ts';
import { createBilling } from '../../api/billing/deps.ts';
import type { BillingConfig } from '../../api/billing/config.ts';
import type { Billing } from '../../api/billing/stripe.ts';
import { type ApiDeps, createApiDeps, readApiEnv } from '../../api/deps.ts';
import { setUpStripe } from '../../cli/stripe/set-up.ts';
import { createStripe, type Fault, type StripeStandIn } from '../../local/stripe/stripe.ts';
import { sign } from '../../local/stripe/webhooks.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { syncAt } from '../../shared/store/billing/sync-due.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { transact } from '../../shared/store/transact.ts';
import type { AwsInProcess } from '../harness/aws-in-process.ts';
import { checkAnswer } from '../harness/contract.ts';
import { type AwsAddress, awsOf, createTestTenant, outpostEnv, type TestTenant } from '../harness/outpost.ts';
import { createFakeClock, type FakeClock } from '../limits/fake-clock.ts';

/** The API with billing on, in this process, over the Stripe stand-in: one clock for both. */
export type BillingWorld = {
  readonly deps: ApiDeps;
  readonly billing: Billing;
  readonly stripe: StripeStandIn;
  readonly clock: FakeClock;
  /** Everything logged so far. */
  readonly lines: string[];
  /** Entries that were handed to the audit trail. */
  readonly audited: AuditEntry[];
  /** What goes wrong with Stripe from now on; undefined: nothing. */
  faultOf: ((route: string) => Fault | undefined | Promise<undefined>) | undefined;
  /** Customers whose card is refused. */
  readonly refused: Set<string>;
  readonly webhookSecret: string;
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
  /** Hands the waiting events over, in the order that `arrange` gives them; answers their statuses. */
  deliver(arrange?: (bodies: string[]) => string[]): Promise<number[]>;
  /** Moves the clock and lets Stripe follow. */
  pass(milliseconds: number): void;
};

type RequestOptions = { key?: string; body?: unknown; headers?: Record<string, string> };

/** Amounts of the tests, in cents: distinct, so that a mix-up shows. */
const AMOUNTS = { pro: 2_900, enterprise: 49_900, job: 7 } as const;
const MINUTE_MS = 60_000;

export async function createBillingWorld(
  local: AwsAddress,
  start: string,
  settings: {
    webhookSecrets?: (secret: string) => string[];
    /** After so many seconds Stripe's summaries show a meter event. */
    countedAfter?: number;
    /** Answers what would go to AWS. */
    lead?: AwsInProcess['lead'];
  } = {},
): Promise<BillingWorld> {
  awsOf(local);
  const clock = createFakeClock(Date.parse(start));
  const refused = new Set<string>();
  const world: { faultOf: BillingWorld['faultOf'] } = { faultOf: undefined };
  const stripe = createStripe({
    now: () => clock.now(),
    countedAfter: settings.countedAfter ?? 0,
    pays: (customer) => !refused.has(customer),
    faultOf: (route) => world.faultOf?.(route),
  });
  const stripeFetch: typeof fetch = Object.assign(
    (input: RequestInfo | URL, init?: RequestInit) => stripe.handle(new Request(input, init)),
    { preconnect: () => undefined },
  );
  const options = { fetch: stripeFetch, timeoutMs: 200, retries: 0 };
  const { config, secret } = await configure(options, settings.webhookSecrets);
  const billing = createBilling(config, 'sk_test_world', options);
  const lines: string[] = [];
  const audited: AuditEntry[] = [];
  const made = await createApiDeps(readApiEnv(outpostEnv(local)), {
    write: (line) => void lines.push(line),
    streaming: false,
  });
  settings.lead?.(made.store.client);
  settings.lead?.(made.queues.client);
  // Clients take the credentials of the environment at their first call, and another file may change it.
  await getTenant(made.store, 'nobody');
  const deps: ApiDeps = {
    ...made,
    billing,
    clock: { ...clock, observe: () => undefined },
    trail: {
      record: (entry, certainty) => {
        audited.push(entry);
        return made.trail.record(entry, certainty);
      },
    },
    store: { ...made.store, clock },
  };
  const app = createApp(deps);
  return Object.assign(world, {
    deps,
    billing,
    stripe,
    clock,
    lines,
    audited,
    refused,
    webhookSecret: secret,
    request: (method: string, path: string, request?: RequestOptions) => send(app, method, path, request),
    deliver: (arrange?: (bodies: string[]) => string[]) => deliver(app, { stripe, clock, secret }, arrange),
    pass: (milliseconds: number) => {
      clock.advance(milliseconds);
      stripe.advance();
    },
  });
}

async function configure(
  options: Parameters<typeof createBilling>[2],
  secretsOf: ((secret: string) => string[]) | undefined,
): Promise<{ config: BillingConfig; secret: string }> {
  const empty: BillingConfig = {
    planPrices: { pro: [], enterprise: [] },
    jobPrices: [],
    meterId: '',
    meterEvent: 'outpost_jobs',
    webhookSecrets: [],
    returnUrl: 'https://console.example/billing',
  };
  const setup = await setUpStripe(await createBilling(empty, 'sk_test_world', options).stripe(), {
    currency: 'usd',
    month: { pro: String(AMOUNTS.pro), enterprise: String(AMOUNTS.enterprise) },
    job: String(AMOUNTS.job),
    meterEvent: empty.meterEvent,
    webhookUrl: 'https://api.example/webhooks/stripe',
  });
  const [secret = ''] = setup.webhookSecrets;
  const config = {
    ...empty,
    planPrices: { pro: setup.pro, enterprise: setup.enterprise },
    jobPrices: setup.job,
    meterId: setup.meterId,
    webhookSecrets: secretsOf?.(secret) ?? setup.webhookSecrets,
  };
  return { config, secret };
}

async function send(app: App, method: string, path: string, options: RequestOptions = {}): Promise<Response> {
  const body = typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
  const request = new Request(`http://api.test${path}`, {
    method,
    headers: {
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body }),
  });
  const answer = await app(request, { sourceIp: '203.0.113.7' });
  await checkAnswer(method, path, answer);
  return answer;
}

async function deliver(
  app: App,
  { stripe, clock, secret }: { stripe: StripeStandIn; clock: FakeClock; secret: string },
  arrange: (bodies: string[]) => string[] = (bodies) => bodies,
): Promise<number[]> {
  const waiting = stripe.state.deliveries.all();
  for (const { id } of waiting) stripe.state.deliveries.remove(id);
  const statuses: number[] = [];
  for (const body of arrange(waiting.map((each) => each.body))) {
    const signature = await sign(body, secret, Math.floor(clock.now() / 1000));
    const answer = await send(app, 'POST', '/webhooks/stripe', {
      body,
      headers: { 'stripe-signature': signature },
    });
    statuses.push(answer.status);
  }
  return statuses;
}

/** A tenant that may buy its own plan, with its customer made. */
export async function payingTenant(world: BillingWorld): Promise<TestTenant & { customer: string }> {
  const tenant = await createTestTenant(world.deps.store, { plan: 'free' });
  await transact(world.deps.store, [
    ...changeTenant(world.deps.store, tenant.tenant, { plan_source: 'stripe' }),
    syncAt(tenant.tenantId, new Date(world.clock.now()).toISOString()),
  ]);
  const answer = await world.request('GET', '/billing/portal', { key: tenant.apiKey });
  expect(answer.status).toBe(200);
  const { stripe_customer_id: customer } = await stored(world, tenant);
  if (customer === null) throw new Error('no customer');
  return { ...tenant, customer };
}

export async function stored(world: BillingWorld, tenant: { tenantId: string }): Promise<TenantRecord> {
  const record = await getTenant(world.deps.store, tenant.tenantId);
  if (record === undefined) throw new Error('no such tenant');
  return record;
}

/** Goes through Checkout: the session's page is the stand-in's. Events wait to be delivered. */
export async function checkOut(world: BillingWorld, tenant: TestTenant, plan: string): Promise<void> {
  const answer = await world.request('POST', '/billing/checkout', { key: tenant.apiKey, body: { plan } });
  expect(answer.status).toBe(200);
  const { action, url } = await answer.json();
  expect(action).toBe('checkout');
  world.stripe.completeCheckout(String(url).split('/').at(-1) ?? '');
}

/** Subscribed, with all events delivered. */
export async function subscribe(world: BillingWorld, tenant: TestTenant, plan: string): Promise<void> {
  await checkOut(world, tenant, plan);
  expect(await world.deliver()).not.toContain(500);
  expect((await stored(world, tenant)).plan).toBe(plan as TenantRecord['plan']);
}

export const MINUTE = MINUTE_MS;
export const HOUR = 60 * MINUTE_MS;
export const DAY = 24 * HOUR;
