import { type } from 'arktype';
import type Stripe from 'stripe';
import { OutpostError } from '../../shared/errors.ts';
import { sha256 } from '../../shared/hash.ts';
import { type Plan, PLAN_NAMES, type TenantRecord } from '../../shared/model/tenant.ts';
import type { PaidPlan } from '../billing/config.ts';
import { askStripe } from '../billing/stripe.ts';
import { feeItem, planOf } from '../billing/subscription-state.ts';
import { liveSubscription, syncTenant } from '../billing/sync-tenant.ts';
import type { Caller } from '../caller.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { type BillingAccess, billingAccess, requireOwnPlan } from './billing-access.ts';

const PAID_PLANS = PLAN_NAMES.filter((plan): plan is PaidPlan => plan !== 'free');
export const PaidPlanName = type.enumerated(...PAID_PLANS);

export const PlanChange = type({ '+': 'reject', plan: PaidPlanName });

/** What a change of plan would cost now, in the currency's smallest unit; negative amounts are credited. */
export const PlanPreview = type({
  from: PaidPlanName,
  to: PaidPlanName,
  currency: 'string',
  total: 'number.integer',
  amount_due: 'number.integer',
});
export type PlanPreview = typeof PlanPreview.infer;

type Swap = {
  readonly subscription: Stripe.Subscription;
  readonly from: PaidPlan;
  readonly item: string;
  readonly price: string;
};

/**
 * The change that leads from the live subscription to a plan: its monthly fee is swapped, the price of a job
 * stays. Throws conflict without a live subscription.
 */
async function swapTo({ billing, customerId }: BillingAccess, plan: PaidPlan): Promise<Swap> {
  const subscription = await liveSubscription(billing, customerId);
  const item = subscription && feeItem(billing.config, subscription);
  const from = subscription && planOf(billing.config, subscription);
  const [price] = billing.config.planPrices[plan];
  if (subscription === undefined || item === undefined || from === undefined || price === undefined) {
    throw new OutpostError(
      'conflict',
      'There is no subscription to change: begin with POST /billing/checkout.',
    );
  }
  return { subscription, from, item: item.id, price };
}

/** What POST /billing/plan would charge or credit now; changes nothing. Throws conflict, unavailable. */
export async function previewPlan(deps: ApiDeps, caller: Caller, plan: PaidPlan): Promise<PlanPreview> {
  const access = await billingAccess(deps, caller);
  const { subscription, from, item, price } = await swapTo(access, plan);
  const invoice = await askStripe(access.billing, (stripe) =>
    stripe.invoices.createPreview({
      customer: access.customerId,
      subscription: subscription.id,
      subscription_details: { items: [{ id: item, price }], proration_behavior: 'always_invoice' },
    }),
  );
  const { currency, total, amount_due } = invoice;
  return { from, to: plan, currency, total, amount_due };
}

export type ChangedPlan = { readonly plan: Plan; readonly status: TenantRecord['status'] };

/**
 * Changes the plan at once, up or down; the rest of the period is charged or credited, and what was used of
 * the quota stays used. Throws billing_off, conflict, unavailable.
 */
export async function changePlan(
  deps: ApiDeps,
  caller: Caller,
  plan: PaidPlan,
  context: { change: Change; requestId: string },
): Promise<ChangedPlan> {
  const changed = await context.change.announced(async () => {
    const access = await billingAccess(deps, caller);
    requireOwnPlan(access.tenant);
    const { subscription, item, price } = await swapTo(access, plan);
    await askStripe(access.billing, (stripe) =>
      stripe.subscriptions.update(
        subscription.id,
        { items: [{ id: item, price }], proration_behavior: 'always_invoice', cancel_at_period_end: false },
        { idempotencyKey: `plan:${sha256(context.requestId)}` },
      ),
    );
    const tenant = (await syncTenant(deps, access.billing, access.tenant.id)) ?? access.tenant;
    return { plan: tenant.plan, status: tenant.status };
  });
  await context.change.commit([], { status: 200, body: changed }, { metadata: { plan } });
  return changed;
}
