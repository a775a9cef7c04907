import { BILLING_VARIABLES, createStripeClient } from '../../api/billing/deps.ts';
import { randomHex } from '../../shared/ids.ts';
import { priceVariables } from '../stripe/price-variables.ts';
import { setUpStripe } from '../stripe/set-up.ts';
import type { Child } from './children.ts';

type Environment = Readonly<Record<string, string>>;

/** Billing of the system on this machine. */
export type LocalBilling = {
  /** For the processes that bill. */
  readonly env: Environment;
  readonly about: string;
  /** Tells the stand-in where events go. */
  connect(apiEndpoint: string): Promise<void>;
};

/** What the stand-in sells, in cents: figures of this machine only. `bun run stripe:setup` takes real ones. */
const STAND_IN_OFFER = { currency: 'usd', month: { pro: '2900', enterprise: '49900' }, job: '10' } as const;

/**
 * Stripe itself where STRIPE_SECRET_KEY is set, with the rest of billing's environment (what is missing ends
 * the API's start); else the stand-in, set up and running.
 */
export async function startBilling(
  source: Readonly<Record<string, string | undefined>>,
  returnUrl: string,
  start: (env: Environment) => Promise<Pick<Child, 'endpoint'>>,
): Promise<LocalBilling> {
  if (source['STRIPE_SECRET_KEY']) {
    const given = BILLING_VARIABLES.flatMap((name) => {
      const value = source[name];
      return value ? [[name, value] as const] : [];
    });
    return {
      env: { OUTPOST_BILLING: 'stripe', ...Object.fromEntries(given) },
      about: 'Stripe, with the key of the environment',
      connect: async () => undefined,
    };
  }
  const secret = `whsec_${randomHex(16)}`;
  const child = await start({ STRIPE_WEBHOOK_SECRET: secret });
  const key = 'sk_test_stand_in';
  const stripe = await createStripeClient(key, { baseUrl: child.endpoint });
  const setup = await setUpStripe(stripe, {
    ...STAND_IN_OFFER,
    meterEvent: 'outpost_jobs',
    webhookUrl: 'http://127.0.0.1/webhooks/stripe',
  });
  return {
    env: {
      OUTPOST_BILLING: 'stripe',
      STRIPE_SECRET_KEY: key,
      STRIPE_WEBHOOK_SECRET: secret,
      OUTPOST_STRIPE_URL: child.endpoint,
      OUTPOST_BILLING_RETURN_URL: returnUrl,
      ...priceVariables(setup),
    },
    about: `stand-in for Stripe at ${child.endpoint}: no money moves`,
    async connect(apiEndpoint) {
      const answer = await fetch(`${child.endpoint}/_outpost/webhook`, {
        method: 'PUT',
        body: `${apiEndpoint}/webhooks/stripe`,
      });
      if (!answer.ok) throw new Error(`the Stripe stand-in answered ${answer.status}`);
    },
  };
}
