import { beforeAll, beforeEach, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { passInvoices } from '../../api/billing/gate.ts';
import { reportUsage } from '../../api/billing/report-usage.ts';
import { runBilling } from '../../api/billing/run-billing.ts';
import { isoTime } from '../../shared/clock.ts';
import { newUlid } from '../../shared/ids.ts';
import {
  getLedgerRow,
  ledgerBetween,
  readClosedUntil,
  settleRow,
} from '../../shared/store/billing/ledger.ts';
import { ledgerOutbox } from '../../shared/store/billing/outbox.ts';
import { ledgerKey } from '../../shared/store/item-keys.ts';
import { transact } from '../../shared/store/transact.ts';
import { sharedOutpost } from '../harness/shared.ts';
import {
  type BillingWorld,
  createBillingWorld,
  DAY,
  HOUR,
  MINUTE,
  payingTenant,
  subscribe,
} from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Metering: each billable job reaches Stripe once, whatever happens on the way, and no invoice leaves without. */

const AMOUNT_OF_PRO = 2_900;

/** Seconds until a summary of Stripe's shows a meter event. */
const COUNTED_AFTER = 120;

type Tenant = Awaited<ReturnType<typeof payingTenant>>;

let world: BillingWorld;

beforeAll(async () => {
  const { local } = await sharedOutpost();
  world = await createBillingWorld(local, '2035-05-10T08:00:30.000Z', { countedAfter: COUNTED_AFTER });
});

beforeEach(() => {
  world.faultOf = undefined;
});

/** A row as the end of a job writes it; `at` is when the job ended. */
async function billableJob(tenant: Tenant, at: number = world.clock.now()): Promise<string> {
  const jobId = newUlid(at - MINUTE);
  await transact(world.deps.store, [
    {
      label: 'ledger',
      table: 'tenants',
      put: {
        ...ledgerKey(tenant.tenantId, jobId),
        tenant_id: tenant.tenantId,
        job_id: jobId,
        agent: 'codex',
        billable_at: isoTime(at),
        outbox: ledgerOutbox(tenant.tenantId),
        outbox_at: isoTime(at),
      },
    },
  ]);
  return jobId;
}

const metered = (tenant: Tenant) =>
  world.stripe.state.meterEvents
    .all()
    .filter(({ payload }) => payload['stripe_customer_id'] === tenant.customer);

const row = async (tenant: Tenant, jobId: string) => {
  const found = await getLedgerRow(world.deps.store, tenant.tenantId, jobId);
  if (found === undefined) throw new Error('no row');
  return found;
};

const lastInvoice = (tenant: Tenant) => {
  const found = world.stripe.state.invoices
    .all()
    .filter(
      ({ customer, billing_reason: reason }) =>
        customer === tenant.customer && reason === 'subscription_cycle',
    )
    .at(-1);
  if (found === undefined) throw new Error('no invoice');
  return found;
};

/** Lets the running period of a tenant end. */
function endPeriod(tenant: Tenant): void {
  const subscription = world.stripe.state.subscriptions
    .all()
    .find(({ customer }) => customer === tenant.customer);
  const end = subscription?.items.data[0]?.current_period_end ?? 0;
  world.pass(end * 1000 - world.clock.now());
}

describe('the reporter', () => {
  test('tells Stripe of each job once, with its own time, one call at a time', async () => {
    const tenant = await payingTenant(world);
    const at = world.clock.now() - 5 * MINUTE;
    const ids = await Promise.all(Array.from({ length: 12 }, () => billableJob(tenant, at)));
    await reportUsage(world.deps, world.billing);
    await reportUsage(world.deps, world.billing);
    const events = metered(tenant);
    expect(events.map(({ identifier }) => identifier).toSorted()).toEqual(ids.toSorted());
    expect(new Set(events.map(({ timestamp }) => timestamp))).toEqual(new Set([Math.floor(at / 1000)]));
    for (const id of ids) expect(await row(tenant, id)).toMatchObject({ report_outcome: 'reported' });
  });

  test.each(['refuse', 'fail', 'drop'] as const)(
    'counts a job once when the call is met by: %s',
    async (fault) => {
      const tenant = await payingTenant(world);
      const jobId = await billableJob(tenant);
      world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? fault : undefined);
      await reportUsage(world.deps, world.billing);
      expect(await row(tenant, jobId)).toMatchObject({ outbox: ledgerOutbox(tenant.tenantId) });
      world.faultOf = undefined;
      await reportUsage(world.deps, world.billing);
      expect(metered(tenant)).toHaveLength(1);
      expect((await row(tenant, jobId)).outbox).toBeUndefined();
    },
  );

  test('takes a duplicate identifier for delivered, when the Idempotency-Key is forgotten', async () => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(tenant);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? 'drop' : undefined);
    await reportUsage(world.deps, world.billing);
    world.faultOf = undefined;
    world.stripe.state.replays.remove(jobId);
    await reportUsage(world.deps, world.billing);
    expect(metered(tenant)).toHaveLength(1);
    expect(await row(tenant, jobId)).toMatchObject({ report_outcome: 'reported' });
  });

  test.each([
    ['drop', 'arrived and is not sent again'],
    ['refuse', 'never arrived and is sent'],
  ] as const)('after 24 hours asks what became of a call that met: %s; it %s', async (fault) => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(tenant);
    const other = await billableJob(tenant);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? fault : undefined);
    await reportUsage(world.deps, world.billing);
    world.faultOf = undefined;
    world.pass(26 * HOUR);
    await reportUsage(world.deps, world.billing);
    expect(metered(tenant)).toHaveLength(2);
    for (const id of [jobId, other])
      expect(await row(tenant, id)).toMatchObject({ report_outcome: 'reported' });
  });

  test('waits with one whose outcome is unknown while Stripe may not have counted its neighbours', async () => {
    const tenant = await payingTenant(world);
    world.pass(MINUTE - (world.clock.now() % MINUTE) + 30_000);
    const ended = world.clock.now();
    const unknown = await billableJob(tenant, ended);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? 'drop' : undefined);
    await reportUsage(world.deps, world.billing);
    world.faultOf = undefined;
    world.pass(26 * HOUR);
    // Written only now, and of the same minute: it is reported first.
    const neighbour = await billableJob(tenant, ended - 1000);
    await reportUsage(world.deps, world.billing);
    expect(await row(tenant, neighbour)).toMatchObject({ report_outcome: 'reported' });
    expect((await row(tenant, unknown)).outbox).toBeDefined();
    world.pass(2 * HOUR);
    await reportUsage(world.deps, world.billing);
    expect(await row(tenant, unknown)).toMatchObject({ report_outcome: 'reported' });
    expect(metered(tenant)).toHaveLength(2);
  });

  test('says which usage Stripe took and could not count, once', async () => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(tenant);
    world.stripe.state.customers.remove(tenant.customer);
    await world.deliver(() => []);
    await reportUsage(world.deps, world.billing);
    expect(await row(tenant, jobId)).toMatchObject({ report_outcome: 'reported' });
    expect(metered(tenant)).toHaveLength(0);
    expect(await world.deliver((bodies) => [...bodies, ...bodies])).toEqual([200, 200]);
    const alerts = world.lines.filter((line) => line.includes('billing.meter_error') && line.includes(jobId));
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toContain('meter_event_customer_not_found');
  });

  test('gives up a job that Stripe is too late for, and says so', async () => {
    const tenant = await payingTenant(world);
    const jobId = await billableJob(tenant, world.clock.now() - 36 * DAY);
    await reportUsage(world.deps, world.billing);
    expect(await row(tenant, jobId)).toMatchObject({ report_outcome: 'expired' });
    expect(world.lines.some((line) => line.includes('billing.usage_expired') && line.includes(jobId))).toBe(
      true,
    );
  });
});

describe('the gate', () => {
  test('holds a draft until Stripe has counted every job, then the invoice is the ledger', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const before = world.clock.now();
    world.pass(3 * DAY);
    for (let job = 0; job < 5; job += 1) await billableJob(tenant);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? 'refuse' : undefined);
    endPeriod(tenant);
    await world.deliver();
    world.pass(2 * HOUR);
    await runBilling(world.deps);
    expect(lastInvoice(tenant)).toMatchObject({ status: 'draft', auto_advance: false });
    world.faultOf = undefined;
    world.pass(10 * MINUTE);
    await runBilling(world.deps);
    // Told of all, Stripe has not counted them yet.
    expect(lastInvoice(tenant).status).toBe('draft');
    world.pass(10 * MINUTE);
    await runBilling(world.deps);
    await world.deliver();
    const invoice = lastInvoice(tenant);
    expect(invoice.status).toBe('paid');
    const line = invoice.lines.data.find(({ quantity }) => quantity === 5);
    expect(line?.amount).toBe(35);
    const listed = await (await world.request('GET', '/billing/invoices', { key: tenant.apiKey })).json();
    expect(listed.invoices[0]).toMatchObject({ invoice_id: invoice.id, jobs: 5, status: 'paid' });
    const csv = await (
      await world.request('GET', `/billing/invoices/${invoice.id}/jobs`, { key: tenant.apiKey })
    ).text();
    const rows = await ledgerBetween(
      world.deps.store,
      tenant.tenantId,
      isoTime(before),
      isoTime(world.clock.now()),
    );
    expect(csv.trim().split('\r\n').slice(1)).toEqual(
      rows.map((each) => `${each.job_id},${each.agent},${each.billable_at}`),
    );
  });

  test('leaves out what Stripe was told of too late, on the invoice and in its list of jobs', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const kept = await billableJob(tenant);
    const lost = await billableJob(tenant);
    await reportUsage(world.deps, world.billing);
    await settleRow(world.deps.store, await row(tenant, lost), 'expired');
    world.stripe.state.meterEvents.remove(lost);
    endPeriod(tenant);
    await world.deliver();
    await runBilling(world.deps);
    await world.deliver();
    const invoice = lastInvoice(tenant);
    expect(invoice.status).toBe('paid');
    const csv = await (
      await world.request('GET', `/billing/invoices/${invoice.id}/jobs`, { key: tenant.apiKey })
    ).text();
    expect(
      csv
        .split('\r\n')
        .slice(1, -1)
        .map((line) => line.split(',')[0]),
    ).toEqual([kept]);
    expect(world.lines.some((line) => line.includes('invoice_differs') && line.includes(invoice.id))).toBe(
      false,
    );
  });

  test('lets an invoice be collected that was finalised while an event came to hold it', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    endPeriod(tenant);
    let raced = false;
    world.faultOf = (route) => {
      if (route !== 'POST /v1/invoices/:id' || raced) return undefined;
      raced = true;
      world.stripe.state.invoices.put({ ...lastInvoice(tenant), status: 'open', auto_advance: true });
      return undefined;
    };
    await world.deliver();
    expect(raced).toBe(true);
    expect(lastInvoice(tenant)).toMatchObject({ status: 'open', auto_advance: true });
  });

  test('loses no job on an invoice that Stripe closed by itself: it counts in the next period', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const jobId = await billableJob(tenant);
    endPeriod(tenant);
    world.pass(2 * HOUR);
    expect(lastInvoice(tenant)).toMatchObject({ status: 'paid', amount_due: AMOUNT_OF_PRO });
    await world.deliver();
    await runBilling(world.deps);
    const { period } = lastInvoice(tenant).lines.data[0] ?? {};
    expect(Date.parse((await row(tenant, jobId)).metered_at ?? '')).toBe((period?.start ?? 0) * 1000);
    endPeriod(tenant);
    await world.deliver();
    await runBilling(world.deps);
    world.pass(10 * MINUTE);
    await runBilling(world.deps);
    expect(lastInvoice(tenant)).toMatchObject({ status: 'paid', amount_due: AMOUNT_OF_PRO + 7 });
    expect(world.lines.some((line) => line.includes('differs') && line.includes(tenant.tenantId))).toBe(
      false,
    );
  });

  test('finds a draft that no event told of before Stripe finalises it', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    endPeriod(tenant);
    await world.deliver(() => []);
    world.pass(30 * MINUTE);
    world.faultOf = (route) => (route.endsWith('/event_summaries') ? 'refuse' : undefined);
    await runBilling(world.deps);
    expect(lastInvoice(tenant)).toMatchObject({ status: 'draft', auto_advance: false });
    world.faultOf = undefined;
    await runBilling(world.deps);
    expect(lastInvoice(tenant).status).not.toBe('draft');
  });

  test('lets a job that is written late count in the next period, on one invoice and no other', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    world.pass(DAY);
    await billableJob(tenant);
    const jobEnded = world.clock.now();
    endPeriod(tenant);
    await world.deliver();
    await runBilling(world.deps);
    expect(lastInvoice(tenant).lines.data.map(({ quantity }) => quantity)).toContain(1);
    const closed = await readClosedUntil(world.deps.store, tenant.tenantId);
    const late = await billableJob(tenant, jobEnded);
    world.pass(HOUR);
    await runBilling(world.deps);
    expect(await row(tenant, late)).toMatchObject({ metered_at: closed, report_outcome: 'reported' });
    endPeriod(tenant);
    await world.deliver();
    await runBilling(world.deps);
    expect(lastInvoice(tenant)).toMatchObject({ status: 'paid' });
    expect(lastInvoice(tenant).lines.data.map(({ quantity, amount }) => [quantity, amount])).toContainEqual([
      1, 7,
    ]);
    expect(world.lines.filter((line) => line.includes('billing.invoice_differs'))).toEqual([]);
  });

  test('raises an alert when Stripe counts differently for a day', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    world.pass(DAY);
    const jobId = await billableJob(tenant);
    await runBilling(world.deps);
    world.stripe.state.meterEvents.remove(jobId);
    endPeriod(tenant);
    await world.deliver();
    await runBilling(world.deps);
    expect(lastInvoice(tenant).status).toBe('draft');
    world.pass(25 * HOUR);
    await passInvoices(world.deps, world.billing);
    const invoice = lastInvoice(tenant);
    expect(invoice.status).toBe('draft');
    expect(world.lines.some((line) => line.includes('billing.gate_stuck') && line.includes(invoice.id))).toBe(
      true,
    );
  });
});
