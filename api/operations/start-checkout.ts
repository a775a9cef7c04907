import { type } from 'arktype';
import type Stripe from 'stripe';
import { isoTime } from '../../shared/clock.ts';
import { sha256 } from '../../shared/hash.ts';
import { Timestamp } from '../../shared/model/primitives.ts';
import { Plan } from '../../shared/model/tenant.ts';
import type { PaidPlan } from '../billing/config.ts';
import { askStripe } from '../billing/stripe.ts';
import { liveSubscription, syncTenant } from '../billing/sync-tenant.ts';
import type { Caller } from '../caller.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { type BillingAccess, billingAccess, requireOwnPlan } from './billing-access.ts';
import { openPortal } from './open-portal.ts';

const WebUrl = type('string.url & string <= 2048').narrow(
  (text, context) => /^https?:/.test(text) || context.mustBe('an http or https URL'),
);

export const CheckoutRequest = type({
  '+': 'reject',
  plan: Plan,
  'success_url?': WebUrl,
  'cancel_url?': WebUrl,
});
type CheckoutRequest = typeof CheckoutRequest.infer;

/** What happens next: the customer pays, or manages what it has, or its plan ends by itself. */
export const CheckoutAnswer = type({
  action: "'checkout' | 'portal' | 'cancellation_scheduled' | 'none'",
  url: 'string | null',
  /** When a scheduled cancellation takes hold. */
  effective_at: Timestamp.or('null'),
});
export type CheckoutAnswer = typeof CheckoutAnswer.infer;

/**
 * Begins the way to a plan. Without a subscription: Stripe's Checkout. With one: Stripe's portal. Free: the
 * subscription ends with its period. Throws billing_off, conflict (a plan of the operator's), unavailable.
 */
export async function startCheckout(
  deps: ApiDeps,
  caller: Caller,
  input: CheckoutRequest,
  context: { change: Change; requestId: string },
): Promise<CheckoutAnswer> {
  const answer = await context.change.announced(async () => {
    const access = await billingAccess(deps, caller);
    requireOwnPlan(access.tenant);
    const live = await liveSubscription(access.billing, access.customerId);
    if (input.plan === 'free') return leave(deps, access, live);
    if (live !== undefined)
      return { action: 'portal', url: await openPortal(access), effective_at: null } as const;
    const url = await createSession(access, input.plan, input, context.requestId);
    return { action: 'checkout', url, effective_at: null } as const;
  });
  await context.change.commit(
    [],
    { status: 200, body: answer },
    { metadata: { plan: input.plan, action: answer.action } },
  );
  return answer;
}

async function leave(
  deps: ApiDeps,
  { billing, tenant }: BillingAccess,
  live: Stripe.Subscription | undefined,
): Promise<CheckoutAnswer> {
  if (live === undefined) return { action: 'none', url: null, effective_at: null };
  const ended = await askStripe(billing, (stripe) =>
    stripe.subscriptions.update(live.id, { cancel_at_period_end: true }),
  );
  await syncTenant(deps, billing, tenant.id);
  const at = ended.cancel_at ?? ended.items.data[0]?.current_period_end;
  return {
    action: 'cancellation_scheduled',
    url: null,
    effective_at: at === undefined ? null : isoTime(at * 1000),
  };
}

/** Quantity is Stripe's to count for a metered price, so it is left out there. */
async function createSession(
  { billing, tenant, customerId }: BillingAccess,
  plan: PaidPlan,
  urls: CheckoutRequest,
  requestId: string,
): Promise<string | null> {
  const { config } = billing;
  const [fee = ''] = config.planPrices[plan];
  const [job = ''] = config.jobPrices;
  const session = await askStripe(billing, (stripe) =>
    stripe.checkout.sessions.create(
      {
        mode: 'subscription',
        customer: customerId,
        client_reference_id: tenant.id,
        line_items: [{ price: fee, quantity: 1 }, { price: job }],
        success_url: urls.success_url ?? config.returnUrl,
        cancel_url: urls.cancel_url ?? config.returnUrl,
        subscription_data: { metadata: { tenant_id: tenant.id }, billing_mode: { type: 'flexible' } },
      },
      { idempotencyKey: `checkout:${sha256(requestId)}` },
    ),
  );
  return session.url;
}
