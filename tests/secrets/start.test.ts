import { expect, setDefaultTimeout, test } from 'bun:test';
import { startLocalAws } from '../harness/local-aws.ts';
import { startApi } from '../harness/outpost.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

test('a start without its platform secrets ends with a list of all that is missing', async () => {
  const local = await startLocalAws({ withOutpost: true });
  try {
    const start = startApi(local, { OUTPOST_PEPPER: '', OUTPOST_BILLING: 'stripe' });
    const message = await start.then(
      () => 'it started',
      (error: unknown) => String(error),
    );
    for (const missing of [
      'OUTPOST_PEPPER is not set and the secret /outpost/local/pepper does not exist',
      'STRIPE_SECRET_KEY is not set and the secret /outpost/local/stripe_secret_key does not exist',
      'STRIPE_WEBHOOK_SECRET is not set and the secret /outpost/local/stripe_webhook_secret does not exist',
      'OUTPOST_STRIPE_PRO_PRICES is not set',
      'OUTPOST_STRIPE_METER is not set',
    ]) {
      expect(message).toContain(missing);
    }
    expect(message).toContain('ended with 1');
  } finally {
    await local.stop();
  }
});
