import type Stripe from 'stripe';
import { isoTime } from '../../shared/clock.ts';
import { OutpostError } from '../../shared/errors.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { customerKey } from '../../shared/store/item-keys.ts';
import { getItem, type Store } from '../../shared/store/store.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { ConditionFailed, transact } from '../../shared/store/transact.ts';
import type { ApiDeps } from '../deps.ts';
import { askStripe, type Billing } from './stripe.ts';

const ROUNDS = 5;

export type Customer = { readonly tenant: TenantRecord; readonly customerId: string };

/**
 * The tenant's Stripe customer, made when it has none: one per tenant, however often and by whomever this is
 * called. Throws unavailable when Stripe does not answer.
 */
export async function ensureCustomer(
  deps: ApiDeps,
  billing: Billing,
  tenant: TenantRecord,
): Promise<Customer> {
  if (tenant.stripe_customer_id !== null) return { tenant, customerId: tenant.stripe_customer_id };
  const customer = await createCustomer(billing, tenant);
  return storeCustomer(deps.store, tenant, customer.id);
}

/** Renamed since a first attempt, the tenant is another request to Stripe and needs another key. */
async function createCustomer(billing: Billing, tenant: TenantRecord): Promise<Stripe.Customer> {
  const create = (idempotencyKey: string): Promise<Stripe.Customer> =>
    askStripe(billing, (stripe) =>
      stripe.customers.create(
        { name: tenant.name, email: tenant.email, metadata: { tenant_id: tenant.id } },
        { idempotencyKey },
      ),
    );
  try {
    return await create(`cust:${tenant.id}`);
  } catch (error) {
    if (!(error instanceof Error && 'type' in error && error.type === 'StripeIdempotencyError')) throw error;
    return create(`cust:${tenant.id}:${tenant.revision}`);
  }
}

async function storeCustomer(store: Store, tenant: TenantRecord, customerId: string): Promise<Customer> {
  let before: TenantRecord | undefined = tenant;
  for (let round = 0; round < ROUNDS && before !== undefined; round += 1) {
    if (before.stripe_customer_id !== null) return { tenant: before, customerId: before.stripe_customer_id };
    const set = { stripe_customer_id: customerId, updated_at: isoTime(store.clock.now()) };
    try {
      await transact(store, [
        ...changeTenant(store, before, set),
        { label: 'customer', table: 'tenants', put: { ...customerKey(customerId), tenant_id: tenant.id } },
      ]);
      return { tenant: { ...before, ...set, revision: before.revision + 1 }, customerId };
    } catch (error) {
      if (!(error instanceof ConditionFailed) || !error.failed.has('tenant')) throw error;
    }
    before = await getTenant(store, tenant.id);
  }
  throw new OutpostError('conflict', 'The tenant changes too fast. Try again.', { retryAfterSeconds: 1 });
}

/** Whose customer this is; undefined for one that is not ours. */
export async function tenantOfCustomer(store: Store, customerId: string): Promise<string | undefined> {
  const item = await getItem(store, 'tenants', customerKey(customerId));
  return item?.['tenant_id']?.S;
}
