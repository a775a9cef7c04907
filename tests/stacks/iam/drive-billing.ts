import { expect } from 'bun:test';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { lambda as api } from '../../../api/functions/api.ts';
import { lambda as usageReporter } from '../../../api/functions/usage-reporter.ts';
import { runBilling } from '../../../api/billing/run-billing.ts';
import { reconcile } from '../../../api/billing/reconcile.ts';
import { platformSecret, type Secrets } from '../../../shared/secrets/secrets.ts';
import { checkOut, createBillingWorld, payingTenant, stored } from '../../billing/world.ts';
import { addJob, claimed, end } from '../../store/fixture.ts';
import type { LocalAws } from '../../harness/local-aws.ts';
import { functionEnv, type Recorder, run } from './recorder.ts';

/** Longer than any billing period. */
const PERIOD_MS = 32 * 86_400_000;

/** A tenant that subscribes, works, is billed and goes back to the free plan; and those that bill, as they start. */
export async function driveBilling(local: LocalAws, recorder: Recorder): Promise<void> {
  const world = await createBillingWorld(local, new Date().toISOString());
  const { store, secrets } = world.deps;
  const tenant = await recorder.during('api', () => payingTenant(world));
  await recorder.during('api', async () => {
    await checkOut(world, tenant, 'enterprise');
    await world.deliver();
    for (const path of ['/usage', '/billing/invoices', '/billing/portal']) {
      await world.request('GET', path, { key: tenant.apiKey });
    }
  });
  const paying = { ...tenant, tenant: await stored(world, tenant) };
  const started = { agent_started_at: new Date(world.clock.now()).toISOString() };
  await end(store, await claimed(store, await addJob(store, paying, started)));
  const report = async (): Promise<void> => {
    await runBilling(world.deps);
    const { failed } = await reconcile(world.deps, world.billing);
    expect(failed).toEqual([]);
  };
  await recorder.during('usage-reporter', report);
  await recorder.during('api', () =>
    world.request('POST', '/billing/checkout', { key: tenant.apiKey, body: { plan: 'free' } }),
  );
  world.pass(PERIOD_MS);
  // No event is delivered: the reporter finds out by itself.
  await recorder.during('usage-reporter', report);
  expect(await stored(world, tenant)).toMatchObject({ plan: 'free' });
  await startThoseThatBill(local, recorder, secrets);
}

const CONFIG = {
  OUTPOST_BILLING: 'stripe',
  OUTPOST_STRIPE_PRO_PRICES: 'price_a',
  OUTPOST_STRIPE_ENTERPRISE_PRICES: 'price_b',
  OUTPOST_STRIPE_JOB_PRICES: 'price_c',
  OUTPOST_STRIPE_METER: 'mtr_1',
  OUTPOST_STRIPE_METER_EVENT: 'outpost_jobs',
  OUTPOST_BILLING_RETURN_URL: 'https://console.example.com/billing',
};

/** Every function that bills reads Stripe's two secrets when it starts. */
async function startThoseThatBill(
  local: LocalAws,
  recorder: Recorder,
  { client, environment }: Secrets,
): Promise<void> {
  for (const name of ['stripe_secret_key', 'stripe_webhook_secret'] as const) {
    const Name = platformSecret(environment, name);
    await client.send(new CreateSecretCommand({ Name, SecretString: 'test' }));
  }
  const env = functionEnv(local, CONFIG);
  await recorder.during('api', () => run(api, env));
  await recorder.during('usage-reporter', () => run(usageReporter, env));
}
