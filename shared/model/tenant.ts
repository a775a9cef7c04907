import { type } from 'arktype';
import { BillingState } from './billing.ts';
import { declaredBy } from './declared-by.ts';
import { DisplayName, NonNegativeInteger, notList, Timestamp, Uuid } from './primitives.ts';

/** A customer of the operator: what owns keys, jobs, workspaces and a bill. */

export const PLAN_NAMES = ['free', 'pro', 'enterprise'] as const;
export const Plan = type.enumerated(...PLAN_NAMES);
export type Plan = typeof Plan.infer;

export const TenantStatus = type("'active' | 'past_due' | 'suspended' | 'canceled' | 'deleted'");
export type TenantStatus = typeof TenantStatus.infer;

/**
 * Which status may follow which. `canceled` is a paying tenant that left (it keeps what Free allows);
 * `deleted` is final.
 */
export const TENANT_TRANSITIONS: Readonly<Record<TenantStatus, readonly TenantStatus[]>> = {
  active: ['past_due', 'suspended', 'canceled', 'deleted'],
  past_due: ['active', 'suspended', 'canceled', 'deleted'],
  suspended: ['active', 'past_due', 'canceled', 'deleted'],
  canceled: ['active', 'past_due', 'suspended', 'deleted'],
  deleted: [],
};

/** The statuses in which a tenant may start work. */
export const WORKING_STATUSES: readonly TenantStatus[] = ['active', 'past_due', 'canceled'];

/** Linear-time check of one `@` between plausible parts; a mail is the only real proof. */
export const Email = type(
  /^[^\s@<>"\u0000-\u001f\u007f]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}$/,
).describe('an e-mail address');

/** Limits that override the plan's; null or absent means the plan decides. */
export const LimitOverrides = type({
  '+': 'reject',
  'requests_per_minute?': 'number.integer >= 1 & number.safe | null',
  'concurrent_jobs?': 'number.integer >= 1 & number.safe | null',
  'jobs_per_period?': NonNegativeInteger.or('null'),
}).narrow(notList);
export type LimitOverrides = typeof LimitOverrides.infer;

export const Tenant = type({
  id: Uuid,
  name: DisplayName,
  email: Email,
  plan: Plan,
  plan_source: "'manual' | 'stripe'",
  status: TenantStatus,
  isolation: "'pool' | 'dedicated'",
  limits: LimitOverrides,
  stripe_customer_id: 'string | null',
  created_at: Timestamp,
  updated_at: Timestamp,
  deleted_at: Timestamp.or('null'),
});
export type Tenant = typeof Tenant.infer;

/** A tenant as stored: the public fields and what only the platform knows. */
export const TenantRecord = Tenant.and({
  /** The POSIX uid of the tenant's agents and files, allocated by a counter. */
  uid: 'number.integer >= 1',
  /** Raised by every change; a writer that read another value loses. */
  revision: 'number.integer >= 1',
  /** When billing periods count from. */
  billing_anchor: Timestamp,
  /** Hashes of the keys that are in force: whose copies of the tenant a change must rewrite. */
  active_keys: 'string[]',
  /** The tenant's own hard limit of jobs a period, beside the plan's; null or absent: none. */
  'spend_cap?': NonNegativeInteger.or('null'),
  'billing?': BillingState,
});
export type TenantRecord = typeof TenantRecord.infer;

/** The tenant as its owner and the operator may see it: what the model declares, whatever else is stored. */
export function publicTenant(record: TenantRecord): Tenant {
  return Tenant.assert(publicFields(record));
}

const publicFields = declaredBy(Tenant);
