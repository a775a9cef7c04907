import { isoTime } from '../../shared/clock.ts';
import { OutpostError } from '../../shared/errors.ts';
import { keyInForce } from '../../shared/store/key-in-force.ts';
import { ConditionFailed, transact } from '../../shared/store/transact.ts';
import { askStripe, requireBilling } from '../billing/stripe.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { type BillingAccess, billingAccess } from './billing-access.ts';

/**
 * The caller's portal. The page may change the subscription, so the key must be in force now, whatever was
 * cached (row A3). Throws billing_off, forbidden, unavailable.
 */
export async function openCallersPortal(deps: ApiDeps, caller: Caller): Promise<string> {
  requireBilling(deps);
  try {
    await transact(deps.store, [keyInForce(caller.keyHash, isoTime(deps.clock.now()))]);
  } catch (error) {
    if (!(error instanceof ConditionFailed)) throw error;
    throw new OutpostError('forbidden', 'This key was revoked, or its tenant may not change anything now.');
  }
  return openPortal(await billingAccess(deps, caller));
}

/** A page of Stripe's on which the customer manages payment and subscription. Throws unavailable. */
export async function openPortal({ billing, customerId }: BillingAccess): Promise<string> {
  const session = await askStripe(billing, (stripe) =>
    stripe.billingPortal.sessions.create({ customer: customerId, return_url: billing.config.returnUrl }),
  );
  return session.url;
}
