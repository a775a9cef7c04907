import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { BILLING_VARIABLES, loadBilling } from '../../api/billing/deps.ts';
import { EnvError, readEnv } from '../../shared/env.ts';
import { startChild } from '../harness/child.ts';
import type { LocalAws } from '../harness/local-aws.ts';
import { awsOf, outpostEnv } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** With `OUTPOST_BILLING=stripe` there is no start without all that it needs, and one message lists what is not there. */

let local: LocalAws;

beforeAll(async () => {
  ({ local } = await sharedOutpost());
});

const COMPLETE = {
  OUTPOST_STRIPE_PRO_PRICES: 'price_pro',
  OUTPOST_STRIPE_ENTERPRISE_PRICES: 'price_enterprise',
  OUTPOST_STRIPE_JOB_PRICES: 'price_job',
  OUTPOST_STRIPE_METER: 'mtr_jobs',
  OUTPOST_BILLING_RETURN_URL: 'https://console.example/billing',
  STRIPE_SECRET_KEY: 'sk_test_incomplete',
  STRIPE_WEBHOOK_SECRET: 'whsec_incomplete',
};

const start = (entry: string, env: Record<string, string>) =>
  startChild(entry, { ...outpostEnv(local), PORT: '0', OUTPOST_BILLING: 'stripe', ...env });

for (const entry of ['api/serve.ts', 'api/functions/serve.ts']) {
  test(`${entry} starts with everything, and without it lists all that is missing at once`, async () => {
    const child = await start(entry, COMPLETE);
    expect(await child.stop()).toBe(0);
    const failure = await start(entry, {}).catch(String);
    expect(failure).toContain('ended with 1');
    for (const name of Object.keys(COMPLETE)) expect(failure).toContain(name);
  });
}

test('each of them is needed', async () => {
  const { secrets } = awsOf(local);
  expect((await loadBilling(BillingEnv(COMPLETE), secrets)).config.meterId).toBe('mtr_jobs');
  for (const name of Object.keys(COMPLETE)) {
    const env = Object.fromEntries(Object.entries(COMPLETE).filter(([other]) => other !== name));
    const failure = await loadBilling(BillingEnv(env), secrets).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EnvError);
    expect(failure).toMatchObject({ problems: [expect.stringContaining(name)] });
  }
});

const BillingEnv = (env: Record<string, string>) => readEnv(env, [], [...BILLING_VARIABLES]);
