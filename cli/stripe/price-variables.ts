import type { StripeSetup } from './set-up.ts';

/** The variables of shared/env.ts that name what was set up. */
export const priceVariables = (setup: StripeSetup) => ({
  OUTPOST_STRIPE_PRO_PRICES: setup.pro.join(','),
  OUTPOST_STRIPE_ENTERPRISE_PRICES: setup.enterprise.join(','),
  OUTPOST_STRIPE_JOB_PRICES: setup.job.join(','),
  OUTPOST_STRIPE_METER: setup.meterId,
});
