import { OutpostError } from '../../shared/errors.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { ensureCustomer } from '../billing/customer.ts';
import { type Billing, requireBilling } from '../billing/stripe.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { findTenant } from './find-tenant.ts';

export type BillingAccess = {
  readonly billing: Billing;
  readonly tenant: TenantRecord;
  readonly customerId: string;
};

/** The caller's tenant as Stripe's customer. Throws billing_off, unavailable, not_found. */
export async function billingAccess(deps: ApiDeps, caller: Caller): Promise<BillingAccess> {
  const billing = requireBilling(deps);
  const found = await findTenant(deps, caller.tenantId);
  return { billing, ...(await ensureCustomer(deps, billing, found)) };
}

/** Throws conflict for a tenant whose plan its operator has set: buying another would change nothing. */
export function requireOwnPlan(tenant: TenantRecord): void {
  if (tenant.plan_source === 'stripe') return;
  throw new OutpostError('conflict', 'The plan of this tenant is set by its operator.');
}
