import { expect } from 'bun:test';
import { reconcile } from '../../api/billing/reconcile.ts';
import type { Invoice, Subscription } from '../../local/stripe/objects.ts';
import { isoTime } from '../../shared/clock.ts';
import { ledgerBetween } from '../../shared/store/billing/ledger.ts';
import type { Year, YearTenant } from './year.ts';
import { type BillingWorld, DAY, MINUTE, stored } from './world.ts';

export type Verdict = {
  readonly jobs: number;
  /** Of them on an invoice: the others ended while their tenant had no subscription. */
  readonly invoiced: number;
  readonly lines: number;
  readonly subscriptions: number;
  /** Day of the month -> live subscriptions that are anchored on it. */
  readonly anchors: ReadonlyMap<number, number>;
  readonly deeds: ReadonlyMap<string, number>;
};

type Window = {
  readonly start: number;
  readonly end: number;
  readonly quantity: number;
  readonly invoice: string;
};

/** Holds every invoice line against the ledger, and every tenant against Stripe. Throws where they differ. */
export async function judgeYear(year: Year): Promise<Verdict> {
  const { world, tenants } = year;
  const report = await reconcile(world.deps, world.billing);
  expect(report).toMatchObject({ differences: [], failed: [] });
  const alerts = /billing\.(invoice_differs|usage_expired|gate_stuck|meter_error|unknown_price|not_flexible)/;
  expect(world.lines.filter((line) => alerts.test(line))).toEqual([]);
  let lines = 0;
  let invoiced = 0;
  for (const tenant of tenants) {
    const windows = windowsOf(world, world.stripe.state.invoices.of(tenant.customer));
    lines += windows.length;
    invoiced += await judgeInvoices(year, tenant, windows);
    await judgeTenant(world, tenant);
  }
  const subscriptions = world.stripe.state.subscriptions.all();
  const anchors = new Map<number, number>();
  for (const { billing_cycle_anchor: anchor } of subscriptions) {
    const day = new Date(anchor * 1000).getUTCDate();
    anchors.set(day, (anchors.get(day) ?? 0) + 1);
  }
  const jobs = [...year.jobs.values()].reduce((sum, each) => sum + each.size, 0);
  return { jobs, invoiced, lines, subscriptions: subscriptions.length, anchors, deeds: year.deeds };
}

/** What the metered lines of a tenant's invoices say, in order of time. */
function windowsOf(world: BillingWorld, invoices: readonly Invoice[]): Window[] {
  const { jobPrices } = world.billing.config;
  return invoices
    .flatMap((invoice) => {
      expect([invoice.id, invoice.status]).not.toEqual([invoice.id, 'draft']);
      return invoice.lines.data
        .filter((line) => jobPrices.includes(line.pricing.price_details.price))
        .map(({ quantity, amount, period }) => {
          expect(amount).toBe(quantity * JOB_CENTS);
          return { start: period.start * 1000, end: period.end * 1000, quantity, invoice: invoice.id };
        });
    })
    .toSorted((a, b) => a.start - b.start);
}

/** The price of a job in the tests' Stripe account. */
const JOB_CENTS = 7;

const perMinute = (times: readonly number[]): Map<number, number> => {
  const minutes = times.map((time) => Math.floor(time / MINUTE));
  return new Map([...Map.groupBy(minutes, Number)].map(([minute, each]) => [minute, each.length]));
};

/** No job is on two invoices, none is missing, and none is on an invoice of an earlier time than its own. */
async function judgeInvoices(
  { world, jobs }: Year,
  tenant: YearTenant,
  windows: readonly Window[],
): Promise<number> {
  const own = jobs.get(tenant.tenantId) ?? new Map<string, number>();
  const rows = await ledgerBetween(
    world.deps.store,
    tenant.tenantId,
    isoTime(0),
    isoTime(world.clock.now() + DAY),
  );
  expect(rows.map(({ job_id: id }) => id).toSorted()).toEqual([...own.keys()].toSorted());
  const { state } = world.stripe;
  // Under its first name as well only what was carried over to a later invoice.
  const left = rows.filter((row) => row.meter_identifier !== undefined).map(({ job_id: id }) => id);
  const counted = state.meterEvents
    .of(tenant.customer)
    .filter(({ identifier }) => !left.includes(identifier.replace(/:\d+$/, '')));
  // By the minute: that is as close as Stripe's count tells which of two unknown rows has arrived.
  expect(perMinute(counted.map(({ timestamp }) => timestamp * 1000))).toEqual(
    perMinute(rows.map((row) => at(row.metered_at))),
  );
  let invoiced = 0;
  windows.forEach(({ start, end, quantity, invoice }, index) => {
    const next = windows[index + 1];
    if (next !== undefined) expect(next.start).toBeGreaterThanOrEqual(end);
    const inside = rows.filter((row) => at(row.metered_at) >= start && at(row.metered_at) < end);
    expect([invoice, quantity]).toEqual([invoice, inside.length]);
    invoiced += quantity;
  });
  for (const row of rows) {
    expect(row).toMatchObject({ report_outcome: 'reported', billable_at: isoTime(own.get(row.job_id) ?? 0) });
    const moved = at(row.metered_at) - at(row.billable_at);
    // Later than its own end only if that time was on an invoice that had left, and then it counts at once after it.
    if (moved !== 0) expect(windows.some(({ end }) => end === at(row.metered_at) && moved > 0)).toBe(true);
  }
  return invoiced;
}

const at = (time: string | undefined): number => Date.parse(time ?? '');

/** Written out apart from the product's own rules: what a tenant of these subscriptions has to be. */
async function judgeTenant(world: BillingWorld, tenant: YearTenant): Promise<void> {
  const all = world.stripe.state.subscriptions.of(tenant.customer);
  const live = all.filter(({ status }) => status !== 'canceled');
  expect(live.length).toBeLessThanOrEqual(1);
  const [subscription] = live;
  const record = await stored(world, tenant);
  expect(record.billing?.subscription_id ?? null).toBe(subscription?.id ?? null);
  if (subscription === undefined) {
    expect(record).toMatchObject({ plan: 'free', billing_anchor: record.created_at });
    expect(record.status).toBe(all.length > 0 ? 'canceled' : 'active');
    return;
  }
  expect(subscription.status).toBe('active');
  expect(record).toMatchObject({
    plan: planOf(world, subscription),
    status: 'active',
    billing_anchor: isoTime(subscription.billing_cycle_anchor * 1000),
    billing: {
      subscription_status: 'active',
      grace_until: null,
      cancel_at: subscription.cancel_at === null ? null : isoTime(subscription.cancel_at * 1000),
    },
  });
}

function planOf(world: BillingWorld, subscription: Subscription): string | undefined {
  const fee = subscription.items.data.find(({ price }) => price.recurring.meter === null)?.price.id ?? '';
  return Object.entries(world.billing.config.planPrices).find(([, ids]) => ids.includes(fee))?.[0];
}
