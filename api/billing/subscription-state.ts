import type Stripe from 'stripe';
import { isoTime } from '../../shared/clock.ts';
import type { BillingState } from '../../shared/model/billing.ts';
import type { Plan, TenantRecord, TenantStatus } from '../../shared/model/tenant.ts';
import type { BillingConfig, PaidPlan } from './config.ts';

/** Pure rules from Stripe's subscriptions to a tenant. Source: facts on billing, "Webhook events -> tenant". */

/** How long a tenant that failed to pay keeps its plan. */
const GRACE_MS = 7 * 86_400_000;

/** Live ones, best first: which of several counts. */
const LIVE: readonly Stripe.Subscription.Status[] = [
  'active',
  'trialing',
  'past_due',
  'unpaid',
  'paused',
  'incomplete',
];

const PLAN_RANK: Readonly<Record<Plan, number>> = { free: 0, pro: 1, enterprise: 2 };

/** The subscription that counts; undefined when none is live. */
export function bestSubscription(
  config: BillingConfig,
  subscriptions: readonly Stripe.Subscription[],
): Stripe.Subscription | undefined {
  const rank = (each: Stripe.Subscription): number => PLAN_RANK[planOf(config, each) ?? 'free'];
  return subscriptions
    .filter(({ status }) => LIVE.includes(status))
    .toSorted(
      (a, b) => LIVE.indexOf(a.status) - LIVE.indexOf(b.status) || rank(b) - rank(a) || b.created - a.created,
    )[0];
}

/** The plan that a subscription's prices stand for; undefined for prices that nobody configured. */
export function planOf(config: BillingConfig, subscription: Stripe.Subscription): PaidPlan | undefined {
  const prices = subscription.items.data.map((item) => item.price.id);
  const plans = Object.entries(config.planPrices) as [PaidPlan, readonly string[]][];
  return plans.find(([, ids]) => ids.some((id) => prices.includes(id)))?.[0];
}

/** The subscription's item with the monthly fee: what a change of plan swaps. */
export const feeItem = (
  config: BillingConfig,
  subscription: Stripe.Subscription,
): Stripe.SubscriptionItem | undefined =>
  subscription.items.data.find((item) =>
    Object.values(config.planPrices).some((ids) => ids.includes(item.price.id)),
  );

export type TenantState = Required<Pick<TenantRecord, 'plan' | 'status' | 'billing_anchor' | 'billing'>>;

/** A price that is not configured: an operator must say what it stands for; the tenant stays as it is. */
export class UnknownPrice extends Error {
  override readonly name = 'UnknownPrice';
}

/**
 * What a tenant is, by Stripe's subscriptions. Paying: its plan. Late: its plan for seven more days, then Free.
 * Everything else: Free. A tenant that the operator suspended stays suspended. Throws UnknownPrice.
 */
export function tenantState(
  config: BillingConfig,
  tenant: TenantRecord,
  subscriptions: readonly Stripe.Subscription[],
  now: number,
): TenantState {
  const subscription = bestSubscription(config, subscriptions);
  const status = subscription?.status;
  const graceUntil = status === 'past_due' ? (tenant.billing?.grace_until ?? isoTime(now + GRACE_MS)) : null;
  const billing: BillingState = {
    subscription_id: subscription?.id ?? null,
    subscription_status: status ?? null,
    cancel_at: cancelAt(subscription),
    grace_until: graceUntil,
    synced_at: isoTime(now),
  };
  const next = statusOf(status, subscriptions.length > 0);
  const common = { billing, status: tenant.status === 'suspended' ? 'suspended' : next } as const;
  const paid =
    status === 'active' || status === 'trialing' || (graceUntil !== null && now < Date.parse(graceUntil));
  if (subscription === undefined || !paid) {
    // Free counts from the tenant's creation, so that leaving and coming back grants no fresh quota.
    return { ...common, plan: 'free', billing_anchor: tenant.created_at };
  }
  const plan = planOf(config, subscription);
  if (plan === undefined)
    throw new UnknownPrice(`subscription ${subscription.id} has no price that is configured`);
  return { ...common, plan, billing_anchor: isoTime(subscription.billing_cycle_anchor * 1000) };
}

function statusOf(status: Stripe.Subscription.Status | undefined, hadOne: boolean): TenantStatus {
  if (status === undefined) return hadOne ? 'canceled' : 'active';
  return status === 'past_due' || status === 'unpaid' ? 'past_due' : 'active';
}

function cancelAt(subscription: Stripe.Subscription | undefined): string | null {
  if (subscription === undefined) return null;
  const end = subscription.items.data[0]?.current_period_end;
  const at = subscription.cancel_at ?? (subscription.cancel_at_period_end ? end : undefined);
  return at === undefined || at === null ? null : isoTime(at * 1000);
}
