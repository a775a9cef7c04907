import { type } from 'arktype';
import { NonNegativeInteger } from '../../shared/model/primitives.ts';
import { Plan, PLAN_NAMES } from '../../shared/model/tenant.ts';
import { PLANS } from '../../shared/plans.ts';
import type { ApiDeps } from '../deps.ts';
import { priceOf } from '../billing/prices.ts';

const limit = NonNegativeInteger.or('null');

/** An amount in the currency's smallest unit; a decimal text, since a job may cost less than one. */
const Price = type({ amount: 'string', currency: 'string' });

/** A plan as it is offered. A null limit is none; a null price cannot be bought here. */
export const PlanOffer = type({
  plan: Plan,
  jobs_per_period: limit,
  concurrent_jobs: limit,
  requests_per_minute: NonNegativeInteger,
  /** A month. */
  price: Price.or('null'),
  /** A billable job, on top. */
  price_per_job: Price.or('null'),
});
export type PlanOffer = typeof PlanOffer.infer;

/** Every plan, with its limits and, where Stripe bills, what it costs. Throws unavailable. */
export async function listPlans(deps: ApiDeps): Promise<PlanOffer[]> {
  return Promise.all(
    PLAN_NAMES.map(async (plan) => {
      const prices = await priceOf(deps, plan);
      return { plan, ...PLANS[plan], price: prices?.month ?? null, price_per_job: prices?.job ?? null };
    }),
  );
}
