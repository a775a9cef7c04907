import type { LimitOverrides, Plan } from './model/tenant.ts';

/** What a plan allows. Null: no limit. Source: row B2 and the Caps of the design. */
export type Limits = {
  readonly requests_per_minute: number;
  readonly concurrent_jobs: number | null;
  readonly jobs_per_period: number | null;
};

export const PLANS: Readonly<Record<Plan, Limits>> = {
  free: { requests_per_minute: 1000, concurrent_jobs: 2, jobs_per_period: 10 },
  pro: { requests_per_minute: 1000, concurrent_jobs: 10, jobs_per_period: 100 },
  enterprise: { requests_per_minute: 1000, concurrent_jobs: null, jobs_per_period: null },
};

/** The limits in force for a tenant: its plan's, where no override is set, and no more jobs than it caps itself at. */
export function effectiveLimits(plan: Plan, overrides: LimitOverrides, spendCap?: number | null): Limits {
  const base = PLANS[plan];
  const jobs = overrides.jobs_per_period ?? base.jobs_per_period;
  return {
    requests_per_minute: overrides.requests_per_minute ?? base.requests_per_minute,
    concurrent_jobs: overrides.concurrent_jobs ?? base.concurrent_jobs,
    jobs_per_period:
      jobs === null || spendCap === null || spendCap === undefined
        ? (jobs ?? spendCap ?? null)
        : Math.min(jobs, spendCap),
  };
}
