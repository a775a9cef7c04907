import type Stripe from 'stripe';
import { OutpostError } from '../../shared/errors.ts';
import type { ApiDeps } from '../deps.ts';
import type { BillingConfig } from './config.ts';
import type { Price } from './prices.ts';

/** Everything that billing works with; a process that bills has one. */
export type Billing = {
  readonly config: BillingConfig;
  /** The SDK, imported and built when it is first needed: it costs every start milliseconds otherwise. */
  readonly stripe: () => Promise<Stripe>;
  /** Amounts by price id. */
  readonly prices: Map<string, Price>;
};

/** The process's billing. Throws billing_off where it has none. */
export function requireBilling(deps: ApiDeps): Billing {
  if (deps.billing !== undefined) return deps.billing;
  throw new OutpostError('billing_off', 'This deployment does not bill: plans are set by its operator.');
}

/** Errors of Stripe that say nothing about the request: it may be repeated. */
const UNREACHABLE = new Set(['StripeConnectionError', 'StripeAPIError', 'StripeRateLimitError']);

const isUnreachable = (error: unknown): boolean =>
  error instanceof Error && 'type' in error && UNREACHABLE.has(String(error.type));

/** Asks Stripe. Throws unavailable when it does not answer; what it refuses is thrown as it came. */
export async function askStripe<T>(billing: Billing, ask: (stripe: Stripe) => Promise<T>): Promise<T> {
  try {
    return await ask(await billing.stripe());
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    throw new OutpostError('unavailable', 'Stripe did not answer. Try again.', { retryAfterSeconds: 5 });
  }
}
