import type { Plan } from '../../shared/model/tenant.ts';

export type PaidPlan = Exclude<Plan, 'free'>;

/** What `bun run stripe:setup` made in Stripe, and where customers come back to. */
export type BillingConfig = {
  /** Price ids of each plan's monthly fee: the first is sold, the others are still honoured. */
  readonly planPrices: Readonly<Record<PaidPlan, readonly string[]>>;
  /** Price ids of a billable job, in the same order. One price for all plans: a change of plan leaves it alone. */
  readonly jobPrices: readonly string[];
  readonly meterId: string;
  readonly meterEvent: string;
  /** Any of them may sign: one of each endpoint, and another while it is rotated. */
  readonly webhookSecrets: readonly string[];
  readonly returnUrl: string;
};
