import { expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { reconcile } from '../../api/billing/reconcile.ts';
import { runBilling } from '../../api/billing/run-billing.ts';
import type { Fault } from '../../local/stripe/stripe.ts';
import { isoTime } from '../../shared/clock.ts';
import { newUlid } from '../../shared/ids.ts';
import { ledgerOutbox } from '../../shared/store/billing/outbox.ts';
import { ledgerKey } from '../../shared/store/item-keys.ts';
import { transact } from '../../shared/store/transact.ts';
import { startAwsInProcess } from '../harness/aws-in-process.ts';
import { type BillingWorld, createBillingWorld, DAY, HOUR, MINUTE, payingTenant, stored } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Row B3: a year of billing under faults. Tenants subscribe, change plans, cancel, fail to pay and come back;
 * calls to Stripe are refused, answered 500 after the deed, or lose their answer; events are dropped, doubled,
 * shuffled and days late. In the end every invoice has the jobs of its period, and every tenant is what Stripe
 * says. With OUTPOST_FULL_YEAR=1 it is a year of 200 tenants; OUTPOST_SEED chooses another one.
 */
/** Small by default: a quarter of a year. */
const FULL = process.env['OUTPOST_FULL_YEAR'] === '1';
const TENANTS = FULL ? 200 : 8;
const SEED = Number(process.env['OUTPOST_SEED'] ?? '20370129');
const DAYS = FULL ? 365 : 92;
const FAULTS: readonly Fault[] = ['refuse', 'fail', 'drop'];

/** Mulberry32: the same seed is the same year. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Tenant = Awaited<ReturnType<typeof payingTenant>>;
type Late = { readonly body: string; readonly due: number };
type Year = {
  readonly world: BillingWorld;
  readonly random: () => number;
  readonly tenants: Tenant[];
  /** tenant id -> when each of its jobs ended, in whole seconds: the test's own ledger. */
  readonly jobs: Map<string, number[]>;
  readonly late: Late[];
};

test(`${DAYS} days of ${TENANTS} tenants (seed ${SEED}): invoices are the ledger, tenants are what Stripe says`, async () => {
  process.stdout.write(`simulated year: seed ${SEED}, ${TENANTS} tenants\n`);
  const aws = await startAwsInProcess();
  try {
    const world = await createBillingWorld(aws, '2037-01-29T06:10:20.000Z', { lead: aws.lead });
    const year: Year = { world, random: randomOf(SEED), tenants: [], jobs: new Map(), late: [] };
    for (let day = 0; day < DAYS; day += 1) await liveDay(year, day);
    await comeToRest(year);
    await judge(year);
  } finally {
    aws.stop();
  }
}, 1_800_000);

async function liveDay(year: Year, day: number): Promise<void> {
  const { world, random, tenants } = year;
  const { faultOf } = {
    faultOf: () => (random() < 0.05 ? FAULTS[Math.floor(random() * FAULTS.length)] : undefined),
  };
  world.faultOf = undefined;
  // Anchors on the 29th, 30th and 31st, and from then on any day.
  const joining = day < 3 ? Math.ceil(TENANTS / 6) : Math.ceil(TENANTS / 40);
  for (let count = 0; count < joining && tenants.length < TENANTS; count += 1) {
    world.pass(Math.floor(random() * 10) * MINUTE);
    tenants.push(await payingTenant(world));
  }
  // Rows are written within their second: those that come after the gate has closed it are another test's.
  world.clock.advance(2_000);
  for (const tenant of tenants) await work(year, tenant);
  world.faultOf = faultOf;
  for (const tenant of tenants) await act(year, tenant);
  world.pass(DAY - (world.clock.now() % DAY) + 6 * HOUR);
  await deliverSome(year);
  await settleDay(world);
}

/** The five-minute schedule, as often as there is something to do. */
async function settleDay(world: BillingWorld): Promise<void> {
  for (let run = 0; run < 8; run += 1) {
    await runBilling(world.deps);
    if (world.stripe.state.invoices.all().every(({ status }) => status !== 'draft')) return;
    world.pass(5 * MINUTE);
  }
}

async function work({ world, random, jobs }: Year, tenant: Tenant): Promise<void> {
  const count = random() < 0.25 ? Math.ceil(random() * 4) : 0;
  for (let job = 0; job < count; job += 1) {
    const at = world.clock.now() - Math.floor(random() * 1000);
    const jobId = newUlid(at);
    const row = { tenant_id: tenant.tenantId, job_id: jobId, agent: 'codex', billable_at: isoTime(at) };
    const outbox = { outbox: ledgerOutbox(tenant.tenantId), outbox_at: row.billable_at };
    await transact(world.deps.store, [
      { label: 'ledger', table: 'tenants', put: { ...ledgerKey(tenant.tenantId, jobId), ...row, ...outbox } },
    ]);
    jobs.set(tenant.tenantId, [...(jobs.get(tenant.tenantId) ?? []), Math.floor(at / 1000)]);
  }
}

/** What a customer does: about one deed in three weeks. Refusals are part of it. */
async function act({ world, random }: Year, tenant: Tenant): Promise<void> {
  if (random() > 0.05) return;
  const choice = random();
  const plan = random() < 0.5 ? 'pro' : 'enterprise';
  if (choice < 0.15) world.refused.add(tenant.customer);
  else if (choice < 0.3) world.refused.delete(tenant.customer);
  else if (choice < 0.4) await ask(world, tenant, '/billing/checkout', { plan: 'free' });
  else if (choice < 0.6) await ask(world, tenant, '/billing/plan', { plan });
  else await buy(world, tenant, plan);
}

async function ask(world: BillingWorld, tenant: Tenant, path: string, body: object): Promise<Response> {
  const answer = await world.request('POST', path, { key: tenant.apiKey, body });
  expect(answer.status).toBeOneOf([200, 409, 503]);
  return answer;
}

async function buy(world: BillingWorld, tenant: Tenant, plan: string): Promise<void> {
  const answer = await ask(world, tenant, '/billing/checkout', { plan });
  if (answer.status !== 200) return;
  const { action, url } = await answer.json();
  if (action === 'checkout') world.stripe.completeCheckout(String(url).split('/').at(-1) ?? '');
}

async function deliverSome({ world, random, late }: Year): Promise<void> {
  const now = world.clock.now();
  const due = late.splice(0).filter((each) => each.due <= now || late.push(each) < 0);
  await world.deliver((fresh) => {
    const bodies = due.map(({ body }) => body);
    for (const body of fresh) {
      const fate = random();
      if (fate < 0.1) continue;
      if (fate < 0.25) late.push({ body, due: now + Math.ceil(random() * 5) * DAY });
      else bodies.push(...(fate < 0.35 ? [body, body] : [body]));
    }
    return bodies
      .map((body) => ({ body, place: random() }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ body }) => body);
  });
}

/** No more faults: what was late arrives, cards work again, and the last periods end. */
async function comeToRest(year: Year): Promise<void> {
  const { world } = year;
  world.faultOf = undefined;
  world.refused.clear();
  for (let day = 0; day < 45; day += 1) {
    world.pass(DAY);
    await deliverSome({ ...year, random: () => 0.99 });
    await settleDay(world);
  }
}

async function judge({ world, tenants, jobs }: Year): Promise<void> {
  const report = await reconcile(world.deps, world.billing);
  expect(report).toMatchObject({ differences: [], failed: [] });
  expect(
    world.lines.filter((line) => /billing\.(invoice_differs|usage_expired|gate_stuck)/.test(line)),
  ).toEqual([]);
  const { subscriptions, invoices, meterEvents } = world.stripe.state;
  let lines = 0;
  for (const tenant of tenants) {
    const ended = jobs.get(tenant.tenantId) ?? [];
    for (const invoice of invoices.all().filter(({ customer }) => customer === tenant.customer)) {
      expect(invoice.status).not.toBe('draft');
      for (const line of invoice.lines.data) {
        if (!world.billing.config.jobPrices.includes(line.pricing.price_details.price)) continue;
        const { start, end } = line.period;
        const expected = ended.filter((at) => at >= start && at < end).length;
        expect([invoice.id, line.quantity]).toEqual([invoice.id, expected]);
        lines += 1;
      }
    }
    expect(
      meterEvents.all().filter(({ payload }) => payload['stripe_customer_id'] === tenant.customer),
    ).toHaveLength(ended.length);
    const live = subscriptions
      .all()
      .find((each) => each.customer === tenant.customer && each.status === 'active');
    const price = live?.items.data.find((item) => item.price.recurring.meter === null)?.price.id ?? '';
    const paid = Object.entries(world.billing.config.planPrices).find(([, ids]) => ids.includes(price))?.[0];
    expect((await stored(world, tenant)).plan).toBe((paid ?? 'free') as 'free');
  }
  process.stdout.write(
    `simulated year: ${lines} metered lines, ${meterEvents.all().length} jobs, ${subscriptions.all().length} subscriptions\n`,
  );
  expect(lines).toBeGreaterThan(TENANTS);
}
