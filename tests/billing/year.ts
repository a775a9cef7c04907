import { expect } from 'bun:test';
import { ulid } from 'ulid';
import { reconcile } from '../../api/billing/reconcile.ts';
import { runBilling } from '../../api/billing/run-billing.ts';
import type { Fault } from '../../local/stripe/stripe.ts';
import { isoTime } from '../../shared/clock.ts';
import { ledgerOutbox } from '../../shared/store/billing/outbox.ts';
import { ledgerKey } from '../../shared/store/item-keys.ts';
import { transact } from '../../shared/store/transact.ts';
import { startAwsInProcess } from '../harness/aws-in-process.ts';
import { judgeYear, type Verdict } from './judge-year.ts';
import { type BillingWorld, createBillingWorld, DAY, HOUR, MINUTE, payingTenant } from './world.ts';

export type YearOptions = {
  readonly seed: number;
  readonly tenants: number;
  readonly days: number;
  /** How likely a tenant does something on a day. */
  readonly deeds: number;
};

export type YearTenant = Awaited<ReturnType<typeof payingTenant>>;

export type Year = {
  readonly options: YearOptions;
  readonly world: BillingWorld;
  readonly random: () => number;
  readonly tenants: YearTenant[];
  /** tenant id -> job id -> when it ended: the test's own ledger. */
  readonly jobs: Map<string, Map<string, number>>;
  /** Events that Stripe will send again on another day. */
  readonly late: { readonly body: string; readonly due: number }[];
  /** How often something happened. */
  readonly deeds: Map<string, number>;
};

/** The first of four days on which half of the tenants join, and most of those buy: the 29th, 30th and 31st. */
const START = '2037-01-29T06:10:20.000Z';
const JOINING_DAYS = 3;
/** Seconds until Stripe's summaries show a meter event. */
const COUNTED_AFTER = 90;
const FAULTS: readonly Fault[] = ['refuse', 'fail', 'drop'];
const FAULTY = 0.05;
/** Rare: each one waits for its timeout in real time. */
const HANGING = 0.0005;

/** Mulberry32: the same seed is the same year, as far as no timer reorders calls that run beside each other. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Row B3: time under faults. Tenants subscribe, change plans, cancel, fail to pay and come back; jobs end by the
 * day, in the seconds about the end of a period, and hours before they are written; calls to Stripe are refused,
 * answered 500 after the deed, lose their answer or hang; events are dropped, doubled, shuffled and days late.
 * Throws where, in the end, an invoice is not the ledger or a tenant is not what Stripe says.
 */
export async function simulateYear(options: YearOptions): Promise<Verdict> {
  const aws = await startAwsInProcess();
  try {
    const world = await createBillingWorld(aws, START, { lead: aws.lead, countedAfter: COUNTED_AFTER });
    const random = randomOf(options.seed);
    const year: Year = { options, world, random, tenants: [], jobs: new Map(), late: [], deeds: new Map() };
    for (let day = 0; day < options.days; day += 1) await liveDay(year, day);
    await comeToRest(year);
    return await judgeYear(year);
  } finally {
    aws.stop();
  }
}

function count({ deeds }: Year, deed: string): void {
  deeds.set(deed, (deeds.get(deed) ?? 0) + 1);
}

async function liveDay(year: Year, day: number): Promise<void> {
  const { world, random, tenants } = year;
  world.faultOf = undefined;
  await join(year, day);
  for (const tenant of tenants) await work(year, tenant);
  world.faultOf = () => {
    const chance = random();
    const fault = chance < HANGING ? 'hang' : FAULTS[Math.floor((chance / FAULTY) * FAULTS.length)];
    if (fault !== undefined) count(year, `call met by: ${fault}`);
    return fault;
  };
  for (const tenant of tenants) if (random() < year.options.deeds) await act(year, tenant);
  world.pass(DAY - (world.clock.now() % DAY) + 6 * HOUR);
  await workAtTheEnd(year);
  await deliverSome(year);
  await settleDay(world);
  // Daily in the product: here it would hide for how long a lost event is missed.
  if (day % 30 === 29) expect((await reconcile(world.deps, world.billing)).differences).toEqual([]);
}

async function join(year: Year, day: number): Promise<void> {
  const { world, random, tenants, options } = year;
  const many = Math.ceil(options.tenants / (day < JOINING_DAYS ? 6 : 40));
  for (let joined = 0; joined < many && tenants.length < options.tenants; joined += 1) {
    world.pass(Math.floor(random() * 10) * MINUTE);
    const tenant = await payingTenant(world);
    tenants.push(tenant);
    if (day < JOINING_DAYS && (joined === 0 || random() < 0.8))
      await buy(year, tenant, random() < 0.5 ? 'pro' : 'enterprise');
  }
}

/** No day needs more runs: then something waits for ever. */
const RUNS_MAX = 100;

/** The five-minute schedule, until no invoice waits: Stripe closes by itself what nobody holds for an hour. */
async function settleDay(world: BillingWorld): Promise<void> {
  for (let run = 0; run < RUNS_MAX; run += 1) {
    await runBilling(world.deps);
    if (world.stripe.state.invoices.all().every(({ status }) => status !== 'draft')) return;
    world.pass(5 * MINUTE);
  }
  const stuck = world.stripe.state.invoices.all().filter(({ status }) => status === 'draft');
  const said = stuck.map(({ id }) => world.lines.findLast((line) => line.includes(id)));
  throw new Error(
    `after ${RUNS_MAX} runs wait ${JSON.stringify(stuck)}, of which was said:\n${said.join('\n')}`,
  );
}

/** A day's jobs: most are written as they end, some hours later. */
async function work(year: Year, tenant: YearTenant): Promise<void> {
  const { world, random } = year;
  if (random() > 0.08) return;
  for (let left = Math.ceil(random() * 3); left > 0; left -= 1) {
    const since = random() < 0.1 ? random() * 3 * HOUR : random() * 1000;
    await endJob(year, tenant, world.clock.now() - Math.floor(since));
  }
}

/** Jobs in the last and in the first second of a period that ended since yesterday. */
async function workAtTheEnd(year: Year): Promise<void> {
  const { world, random, tenants } = year;
  for (const tenant of tenants) {
    const periods = world.stripe.state.subscriptions.of(tenant.customer).map(({ items }) => items.data[0]);
    const start = (periods.at(-1)?.current_period_start ?? 0) * 1000;
    if (start < world.clock.now() - DAY || start > world.clock.now() - 1000 || random() < 0.5) continue;
    for (const at of [start - 1000, start - 1, start, start + 999]) await endJob(year, tenant, at);
    count(year, 'end of a period');
  }
}

/** A job that began up to two hours before. */
async function endJob({ world, random, jobs }: Year, tenant: YearTenant, at: number): Promise<void> {
  const jobId = ulid(at - Math.floor(random() * 2 * HOUR));
  const row = { tenant_id: tenant.tenantId, job_id: jobId, agent: 'codex', billable_at: isoTime(at) };
  const outbox = { outbox: ledgerOutbox(tenant.tenantId), outbox_at: row.billable_at };
  await transact(world.deps.store, [
    { label: 'ledger', table: 'tenants', put: { ...ledgerKey(tenant.tenantId, jobId), ...row, ...outbox } },
  ]);
  jobs.set(tenant.tenantId, (jobs.get(tenant.tenantId) ?? new Map<string, number>()).set(jobId, at));
}

/** What a customer does. Refusals are part of it. */
async function act(year: Year, tenant: YearTenant): Promise<void> {
  const { world, random } = year;
  const choice = random();
  const plan = random() < 0.5 ? 'pro' : 'enterprise';
  if (choice < 0.15) {
    world.refused.add(tenant.customer);
    count(year, 'card that fails');
  } else if (choice < 0.3) world.refused.delete(tenant.customer);
  else if (choice < 0.4) await ask(year, tenant, '/billing/checkout', { plan: 'free' });
  else if (choice < 0.6) await ask(year, tenant, '/billing/plan', { plan });
  else await buy(year, tenant, plan);
}

async function ask(year: Year, tenant: YearTenant, path: string, body: { plan: string }): Promise<Response> {
  const answer = await year.world.request('POST', path, { key: tenant.apiKey, body });
  expect(answer.status).toBeOneOf([200, 409, 503]);
  count(year, `${path} ${body.plan}: ${answer.status}`);
  return answer;
}

async function buy(year: Year, tenant: YearTenant, plan: string): Promise<void> {
  const answer = await ask(year, tenant, '/billing/checkout', { plan });
  if (answer.status !== 200) return;
  const { action, url } = await answer.json();
  if (action === 'checkout') year.world.stripe.completeCheckout(String(url).split('/').at(-1) ?? '');
}

async function deliverSome(year: Year): Promise<void> {
  const { world, random, late } = year;
  const now = world.clock.now();
  const due = late.splice(0).filter((each) => each.due <= now || late.push(each) < 0);
  await world.deliver((fresh) => {
    const bodies = due.map(({ body }) => body);
    for (const body of fresh) {
      const fate = random();
      if (fate < 0.1) {
        count(year, 'event that is lost');
      } else if (fate < 0.25) {
        late.push({ body, due: now + Math.ceil(random() * 5) * DAY });
        count(year, 'event that is late');
      } else if (fate < 0.35) {
        bodies.push(body, body);
        count(year, 'event that is doubled');
      } else bodies.push(body);
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
