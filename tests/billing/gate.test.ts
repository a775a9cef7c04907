import { beforeAll, beforeEach, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { passInvoices } from '../../api/billing/gate.ts';
import { reconcile } from '../../api/billing/reconcile.ts';
import { reportUsage } from '../../api/billing/report-usage.ts';
import { runBilling } from '../../api/billing/run-billing.ts';
import { isoTime } from '../../shared/clock.ts';
import { ledgerBetween, readClosed, settleRow } from '../../shared/store/billing/ledger.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { billableJob, endPeriod, lastInvoice, metered, type PayingTenant, row } from './ledger-jobs.ts';
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

/** The finalisation gate: no invoice leaves with another number of jobs than the ledger's. */

const AMOUNT_OF_PRO = 2_900;

let world: BillingWorld;

beforeAll(async () => {
  const { local } = await sharedOutpost();
  world = await createBillingWorld(local, '2036-06-10T08:00:30.000Z', { countedAfter: 120 });
});

beforeEach(() => {
  world.faultOf = undefined;
});

describe('the gate', () => {
  test('holds a draft until Stripe has counted every job, then the invoice is the ledger', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const before = world.clock.now();
    world.pass(3 * DAY);
    for (let job = 0; job < 5; job += 1) await billableJob(world, tenant);
    world.faultOf = (route) => (route === 'POST /v1/billing/meter_events' ? 'refuse' : undefined);
    endPeriod(world, tenant);
    await world.deliver();
    world.pass(2 * HOUR);
    await runBilling(world.deps);
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'draft', auto_advance: false });
    world.faultOf = undefined;
    world.pass(10 * MINUTE);
    await runBilling(world.deps);
    // Told of all, Stripe has not counted them yet.
    expect(lastInvoice(world, tenant).status).toBe('draft');
    world.pass(10 * MINUTE);
    await runBilling(world.deps);
    await world.deliver();
    const invoice = lastInvoice(world, tenant);
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
    const kept = await billableJob(world, tenant);
    const lost = await billableJob(world, tenant);
    await reportUsage(world.deps, world.billing);
    await settleRow(world.deps.store, await row(world, tenant, lost), 'expired');
    world.stripe.state.meterEvents.remove(lost);
    endPeriod(world, tenant);
    await world.deliver();
    await runBilling(world.deps);
    await world.deliver();
    const invoice = lastInvoice(world, tenant);
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
    endPeriod(world, tenant);
    let raced = false;
    world.faultOf = (route) => {
      if (route !== 'POST /v1/invoices/:id' || raced) return undefined;
      raced = true;
      world.stripe.state.invoices.put({ ...lastInvoice(world, tenant), status: 'open', auto_advance: true });
      return undefined;
    };
    await world.deliver();
    expect(raced).toBe(true);
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'open', auto_advance: true });
  });

  test('loses no job on an invoice that Stripe closed by itself: it counts in the next period', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const jobId = await billableJob(world, tenant);
    endPeriod(world, tenant);
    world.pass(2 * HOUR);
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'paid', amount_due: AMOUNT_OF_PRO });
    await world.deliver();
    await runBilling(world.deps);
    const { period } = lastInvoice(world, tenant).lines.data[0] ?? {};
    expect(Date.parse((await row(world, tenant, jobId)).metered_at ?? '')).toBe((period?.start ?? 0) * 1000);
    endPeriod(world, tenant);
    await world.deliver();
    await runBilling(world.deps);
    world.pass(10 * MINUTE);
    await runBilling(world.deps);
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'paid', amount_due: AMOUNT_OF_PRO + 7 });
    expect(world.lines.some((line) => line.includes('differs') && line.includes(tenant.tenantId))).toBe(
      false,
    );
  });

  test('tells Stripe of no job in a window whose invoice has left, though no event told of that', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const jobId = await billableJob(world, tenant);
    endPeriod(world, tenant);
    world.pass(2 * HOUR);
    await world.deliver(() => []);
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'paid', amount_due: AMOUNT_OF_PRO });
    await runBilling(world.deps);
    const { period } = lastInvoice(world, tenant).lines.data[0] ?? {};
    expect(metered(world, tenant)).toMatchObject([{ identifier: jobId, timestamp: period?.start }]);
    await billedInTheNextPeriod(tenant);
  });

  test('carries a job over that Stripe took as its invoice left: it is on the next one, once', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    const jobId = await billableJob(world, tenant);
    endPeriod(world, tenant);
    world.faultOf = (route) => {
      if (route === 'POST /v1/billing/meter_events') {
        world.stripe.state.invoices.put({ ...lastInvoice(world, tenant), status: 'paid' });
      }
      return undefined;
    };
    await reportUsage(world.deps, world.billing);
    world.faultOf = undefined;
    expect(await row(world, tenant, jobId)).toMatchObject({ report_outcome: 'reported' });
    const left = lastInvoice(world, tenant);
    await world.deliver();
    expect(await row(world, tenant, jobId)).toMatchObject({
      meter_identifier: `${jobId}:${left.id}`,
      metered_at: isoTime((left.lines.data[0]?.period.start ?? 0) * 1000),
    });
    await runBilling(world.deps);
    expect(metered(world, tenant).map(({ identifier }) => identifier)).toEqual([
      jobId,
      `${jobId}:${left.id}`,
    ]);
    await billedInTheNextPeriod(tenant);
  });

  async function billedInTheNextPeriod(tenant: PayingTenant): Promise<void> {
    endPeriod(world, tenant);
    await world.deliver();
    for (let run = 0; run < 3; run += 1) {
      await runBilling(world.deps);
      world.pass(10 * MINUTE);
    }
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'paid', amount_due: AMOUNT_OF_PRO + 7 });
    expect(world.lines.filter((line) => line.includes('differs') && line.includes(tenant.tenantId))).toEqual(
      [],
    );
    const { differences } = await reconcile(world.deps, world.billing);
    expect(differences.filter(({ tenant_id: id }) => id === tenant.tenantId)).toEqual([]);
  }

  test('finds a draft that no event told of before Stripe finalises it', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    endPeriod(world, tenant);
    await world.deliver(() => []);
    world.pass(30 * MINUTE);
    world.faultOf = (route) => (route.endsWith('/event_summaries') ? 'refuse' : undefined);
    await runBilling(world.deps);
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'draft', auto_advance: false });
    world.faultOf = undefined;
    await runBilling(world.deps);
    expect(lastInvoice(world, tenant).status).not.toBe('draft');
  });

  test('lets a job that is written late count in the next period, on one invoice and no other', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    world.pass(DAY);
    await billableJob(world, tenant);
    const jobEnded = world.clock.now();
    endPeriod(world, tenant);
    await world.deliver();
    await runBilling(world.deps);
    expect(lastInvoice(world, tenant).lines.data.map(({ quantity }) => quantity)).toContain(1);
    const closed = await readClosed(world.deps.store, tenant.tenantId);
    const late = await billableJob(world, tenant, jobEnded);
    world.pass(HOUR);
    await runBilling(world.deps);
    expect(await row(world, tenant, late)).toMatchObject({
      metered_at: closed?.until,
      report_outcome: 'reported',
    });
    endPeriod(world, tenant);
    await world.deliver();
    await runBilling(world.deps);
    expect(lastInvoice(world, tenant)).toMatchObject({ status: 'paid' });
    expect(
      lastInvoice(world, tenant).lines.data.map(({ quantity, amount }) => [quantity, amount]),
    ).toContainEqual([1, 7]);
    expect(world.lines.filter((line) => line.includes('billing.invoice_differs'))).toEqual([]);
  });

  test('raises an alert when Stripe counts differently for a day', async () => {
    const tenant = await payingTenant(world);
    await subscribe(world, tenant, 'pro');
    world.pass(DAY);
    const jobId = await billableJob(world, tenant);
    await runBilling(world.deps);
    world.stripe.state.meterEvents.remove(jobId);
    endPeriod(world, tenant);
    await world.deliver();
    await runBilling(world.deps);
    expect(lastInvoice(world, tenant).status).toBe('draft');
    world.pass(25 * HOUR);
    await passInvoices(world.deps, world.billing);
    const invoice = lastInvoice(world, tenant);
    expect(invoice.status).toBe('draft');
    expect(world.lines.some((line) => line.includes('billing.gate_stuck') && line.includes(invoice.id))).toBe(
      true,
    );
  });
});
