import { test } from 'bun:test';
import { createStripeClient } from '../../api/billing/deps.ts';
import { createStripe } from '../../local/stripe/stripe.ts';
import { holdContract } from './stripe-contract.ts';

/** The stand-in and, where OUTPOST_STRIPE_SANDBOX_KEY is given, a sandbox of Stripe keep the same contract. */

const PATIENCE_MS = 20 * 60_000;

test('Stripe, as the stand-in, keeps the contract', async () => {
  const standIn = createStripe({ now: Date.now });
  const handle: typeof fetch = Object.assign(
    (input: RequestInfo | URL, init?: RequestInit) => standIn.handle(new Request(input, init)),
    { preconnect: () => undefined },
  );
  const stripe = await createStripeClient('sk_test_contract', { fetch: handle, retries: 0 });
  await holdContract({
    stripe,
    async subscribe(customer, { fee, job }) {
      const session = await stripe.checkout.sessions.create({
        mode: 'subscription',
        customer,
        line_items: [{ price: fee, quantity: 1 }, { price: job }],
        subscription_data: { billing_mode: { type: 'flexible' } },
      });
      standIn.completeCheckout(session.id);
      return standIn.state.subscriptions.of(customer).at(-1)?.id ?? '';
    },
  });
});

const sandboxKey = process.env['OUTPOST_STRIPE_SANDBOX_KEY'];
if (sandboxKey === undefined) {
  test.skip('Stripe, as a sandbox, keeps the contract: OUTPOST_STRIPE_SANDBOX_KEY is not set', () =>
    undefined);
} else {
  test(
    'Stripe, as a sandbox, keeps the contract',
    async () => {
      if (!sandboxKey.startsWith('sk_test_'))
        throw new Error('OUTPOST_STRIPE_SANDBOX_KEY is no sandbox’s key');
      const stripe = await createStripeClient(sandboxKey);
      await holdContract({
        stripe,
        // What the customer does on Checkout's page, which no program may.
        async subscribe(customer, { fee, job }) {
          const card = await stripe.paymentMethods.attach('pm_card_visa', { customer });
          const { id } = await stripe.subscriptions.create({
            customer,
            default_payment_method: card.id,
            items: [{ price: fee }, { price: job }],
            billing_mode: { type: 'flexible' },
          });
          return id;
        },
      });
    },
    PATIENCE_MS,
  );
}
