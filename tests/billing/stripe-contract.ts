import { expect } from 'bun:test';
import type { Stripe } from 'stripe';
import { setUpStripe } from '../../cli/stripe/set-up.ts';

/** An account to hold the contract against: the stand-in's, or a sandbox of Stripe's. */
export type Account = {
  readonly stripe: Stripe;
  /** Makes an active subscription to these prices, as Checkout does. */
  subscribe(customer: string, prices: { readonly fee: string; readonly job: string }): Promise<string>;
};

/**
 * What Outpost takes for granted of Stripe, in calls that it makes itself. Whatever holds here of the stand-in and
 * not of a sandbox is a fault of the stand-in.
 */
export async function holdContract({ stripe, subscribe }: Account): Promise<void> {
  const run = crypto.randomUUID().replaceAll('-', '').slice(0, 12);
  const offer = {
    currency: 'usd',
    month: { pro: '2900', enterprise: '49900' },
    job: '7',
    meterEvent: `outpost_${run}`,
    webhookUrl: `https://api.example.com/webhooks/${run}`,
  };
  const setup = await setUpStripe(stripe, offer);
  expect(setup.webhookSecrets).toHaveLength(2);
  const again = await setUpStripe(stripe, offer);
  expect(again).toEqual({ ...setup, created: [], webhookSecrets: [] });

  const customer = await holdCustomers(stripe, run);
  const [pro = '', enterprise = '', job = ''] = [setup.pro[0], setup.enterprise[0], setup.job[0]];
  await holdCheckout(stripe, customer, pro, job);
  const id = await subscribe(customer, { fee: pro, job });
  await holdMeter(stripe, customer, setup.meterId, offer.meterEvent);
  await holdSubscription(stripe, { id, customer, pro, enterprise });
}

async function holdCustomers(stripe: Stripe, run: string): Promise<string> {
  const fields = { name: 'Contract', email: 'contract@example.com', metadata: { tenant_id: run } };
  const first = await stripe.customers.create(fields, { idempotencyKey: `cust:${run}` });
  const second = await stripe.customers.create(fields, { idempotencyKey: `cust:${run}` });
  expect(second.id).toBe(first.id);
  const other = stripe.customers.create({ ...fields, name: 'Other' }, { idempotencyKey: `cust:${run}` });
  await expect(other).rejects.toMatchObject({ type: 'StripeIdempotencyError' });
  return first.id;
}

async function holdCheckout(stripe: Stripe, customer: string, fee: string, job: string): Promise<void> {
  const session = {
    mode: 'subscription',
    customer,
    success_url: 'https://console.example.com/',
    cancel_url: 'https://console.example.com/',
    subscription_data: { billing_mode: { type: 'flexible' } },
  } as const;
  const { url } = await stripe.checkout.sessions.create({
    ...session,
    line_items: [{ price: fee, quantity: 1 }, { price: job }],
  });
  expect(url).toStartWith('https://');
  const counted = stripe.checkout.sessions.create({ ...session, line_items: [{ price: job, quantity: 1 }] });
  await expect(counted).rejects.toMatchObject({ type: 'StripeInvalidRequestError' });
  const unknown = JSON.parse('{"nickname": "x"}');
  await expect(stripe.customers.create(unknown)).rejects.toMatchObject({ code: 'parameter_unknown' });
}

async function holdMeter(stripe: Stripe, customer: string, meter: string, eventName: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const send = (identifier: string, timestamp: number) =>
    stripe.billing.meterEvents.create({
      event_name: eventName,
      identifier,
      timestamp,
      payload: { stripe_customer_id: customer, value: '1' },
    });
  const identifier = crypto.randomUUID();
  await send(identifier, now);
  await expect(send(identifier, now)).rejects.toThrow(/already exists with identifier/);
  await expect(send(crypto.randomUUID(), now - 36 * 86_400)).rejects.toMatchObject({
    code: 'timestamp_too_far_in_past',
  });
  await expect(send(crypto.randomUUID(), now + 3_600)).rejects.toMatchObject({ code: 'timestamp_in_future' });
  const minute = Math.floor(now / 60) * 60;
  const unaligned = stripe.billing.meters.listEventSummaries(meter, {
    customer,
    start_time: minute + 1,
    end_time: minute + 60,
  });
  await expect(unaligned).rejects.toMatchObject({ type: 'StripeInvalidRequestError' });
  await untilCounted(stripe, meter, { customer, start_time: minute, end_time: minute + 60 });
}

/** Stripe counts with a delay of minutes. */
const COUNTED_WITHIN_MS = 10 * 60_000;

async function untilCounted(
  stripe: Stripe,
  meter: string,
  window: { customer: string; start_time: number; end_time: number },
): Promise<void> {
  const deadline = Date.now() + COUNTED_WITHIN_MS;
  for (;;) {
    const { data } = await stripe.billing.meters.listEventSummaries(meter, window);
    const total = data.reduce((sum, { aggregated_value: value }) => sum + value, 0);
    if (total === 1) return;
    if (total > 1 || Date.now() > deadline) throw new Error(`Stripe counts ${total} events, and 1 was sent`);
    await Bun.sleep(1_000);
  }
}

async function holdSubscription(
  stripe: Stripe,
  facts: { id: string; customer: string; pro: string; enterprise: string },
): Promise<void> {
  const { data } = await stripe.subscriptions.list({ customer: facts.customer, status: 'all', limit: 100 });
  const [subscription] = data;
  expect(subscription).toMatchObject({ id: facts.id, status: 'active', billing_mode: { type: 'flexible' } });
  const item = subscription?.items.data.find(({ price }) => price.id === facts.pro);
  expect(item?.current_period_end).toBeGreaterThan(Date.now() / 1000);
  const items = [{ id: item?.id ?? '', price: facts.enterprise }];
  const preview = await stripe.invoices.createPreview({
    customer: facts.customer,
    subscription: facts.id,
    subscription_details: { items, proration_behavior: 'always_invoice' },
  });
  // Seconds of the period have passed: a little less than the whole difference.
  expect(preview.total).toBeGreaterThan(40_000);
  expect(preview.total).toBeLessThanOrEqual(47_000);
  await stripe.subscriptions.update(facts.id, { items, proration_behavior: 'always_invoice' });
  const leaving = await stripe.subscriptions.update(facts.id, { cancel_at_period_end: true });
  expect(leaving.cancel_at).toBe(leaving.items.data[0]?.current_period_end ?? 0);
  // Usage counts until the second of the end, without it.
  await Bun.sleep(2_000);
  const ended = await stripe.subscriptions.cancel(facts.id, { invoice_now: true });
  expect(ended.status).toBe('canceled');
  const invoices = await stripe.invoices.list({ customer: facts.customer, limit: 24 });
  const metered = invoices.data.flatMap(({ lines }) => lines.data).filter(({ amount }) => amount === 7);
  expect(metered.map(({ quantity }) => quantity)).toEqual([1]);
}
