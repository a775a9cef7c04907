import type { Plan } from '../../shared/model/tenant.ts';
import type { ApiDeps } from '../deps.ts';
import { askStripe } from './stripe.ts';

export type Price = { readonly amount: string; readonly currency: string };
export type PlanPrices = { readonly month: Price | null; readonly job: Price | null };

/** What a plan costs, as Stripe says; undefined where nothing is sold (billing off, the Free plan). */
export async function priceOf(deps: ApiDeps, plan: Plan): Promise<PlanPrices | undefined> {
  const { billing } = deps;
  if (billing === undefined || plan === 'free') return undefined;
  const [base] = billing.config.planPrices[plan];
  const [job] = billing.config.jobPrices;
  if (base === undefined || job === undefined) return undefined;
  const [month, each] = await Promise.all([readPrice(deps, base), readPrice(deps, job)]);
  return { month, job: each };
}

/** A price never changes its amount, so what was read once is kept. https://docs.stripe.com/api/prices/update */
async function readPrice(deps: ApiDeps, priceId: string): Promise<Price | null> {
  const { billing } = deps;
  if (billing === undefined) return null;
  const known = billing.prices.get(priceId);
  if (known !== undefined) return known;
  const price = await askStripe(billing, (stripe) => stripe.prices.retrieve(priceId));
  const amount = price.unit_amount_decimal?.toString() ?? price.unit_amount?.toString();
  if (amount === undefined) return null;
  const found = { amount, currency: price.currency };
  billing.prices.set(priceId, found);
  return found;
}
