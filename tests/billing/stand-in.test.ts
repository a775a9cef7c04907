import { expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStripeClient } from '../../api/billing/deps.ts';
import { parametersText } from '../../cli/stripe-parameters.ts';
import { setUpStripe } from '../../cli/stripe/set-up.ts';
import { addMonths, cycleEnd } from '../../local/stripe/months.ts';
import { createStripe } from '../../local/stripe/stripe.ts';
import { billingPeriod } from '../../shared/billing-period.ts';

const OFFER = {
  currency: 'eur',
  month: { pro: '1900', enterprise: '39900' },
  job: '0.5',
  meterEvent: 'outpost_jobs',
  webhookUrl: 'https://api.example/webhooks/stripe',
};

async function standIn(file?: string) {
  const stripe = createStripe({ now: Date.now, ...(file === undefined ? {} : { file }) });
  const handle: typeof fetch = Object.assign(
    (input: RequestInfo | URL, init?: RequestInit) => stripe.handle(new Request(input, init)),
    { preconnect: () => undefined },
  );
  return { stripe, client: await createStripeClient('sk_test_x', { fetch: handle, retries: 0 }) };
}

test('accepts what the SDK’s types declare: parameters.json is up to date', () => {
  const file = join(import.meta.dirname, '../../local/stripe/parameters.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(parametersText()));
});

test('the setup is idempotent; a new amount makes a new price and keeps the old one', async () => {
  const { client } = await standIn();
  const first = await setUpStripe(client, OFFER);
  expect(first.created).toHaveLength(9);
  const second = await setUpStripe(client, OFFER);
  expect(second).toEqual({ ...first, created: [], webhookSecrets: [] });
  const raised = await setUpStripe(client, { ...OFFER, month: { ...OFFER.month, pro: '2100' } });
  expect(raised.created).toHaveLength(1);
  expect(raised.pro).toHaveLength(2);
  expect(raised.pro[1]).toBe(first.pro[0] ?? '');
  expect(raised.job).toEqual(first.job);
  const other = await setUpStripe(client, { ...OFFER, meterEvent: 'other_jobs' });
  expect(other.meterId).not.toBe(first.meterId);
  // The price of the job is the new meter's; what the old one counted stays known.
  expect(other.job).toEqual([expect.any(String), ...first.job]);
});

test('refuses unknown parameters, missing ones, another version and another use of an Idempotency-Key', async () => {
  const { client, stripe } = await standIn();
  const unknown = client.customers.create(JSON.parse('{"nickname": "x"}'));
  await expect(unknown).rejects.toMatchObject({ code: 'parameter_unknown', param: 'nickname' });
  const nested = JSON.parse('{"recurring": {"interval": "month", "interwal": 1}, "currency": "usd"}');
  await expect(client.prices.create(nested)).rejects.toMatchObject({ param: 'recurring[interwal]' });
  await expect(client.products.create(JSON.parse('{}'))).rejects.toMatchObject({ code: 'parameter_missing' });
  await client.customers.create({ name: 'a' }, { idempotencyKey: 'k' });
  const other = client.customers.create({ name: 'b' }, { idempotencyKey: 'k' });
  await expect(other).rejects.toMatchObject({ type: 'StripeIdempotencyError' });
  const old = await stripe.handle(
    new Request('https://api.stripe.com/v1/customers', {
      method: 'POST',
      headers: { authorization: 'Bearer sk_test_x', 'stripe-version': '2024-06-20' },
    }),
  );
  expect(old.status).toBe(400);
});

test('keeps its state over a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-stripe-'));
  try {
    const file = join(folder, 'state.sqlite');
    const before = await standIn(file);
    const customer = await before.client.customers.create({ name: 'kept' });
    before.stripe.state.close();
    const after = await standIn(file);
    expect(await after.client.customers.retrieve(customer.id)).toMatchObject({ name: 'kept' });
    expect((await after.client.customers.create({ name: 'new' })).id).not.toBe(customer.id);
    after.stripe.state.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('counts months from the anchor as Outpost does, over four years from every day of a leap year', () => {
  for (let day = 0; day < 366; day += 1) {
    const anchor = Date.UTC(2028, 0, 1 + day, 23, 59, 58) / 1000;
    for (let month = 0; month < 48; month += 1) {
      const start = addMonths(anchor, month);
      const period = billingPeriod(anchor * 1000, start * 1000);
      expect(Date.parse(period.start)).toBe(start * 1000);
      expect(Date.parse(period.end)).toBe(cycleEnd(anchor, start) * 1000);
    }
  }
});
