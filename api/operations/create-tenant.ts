import { type } from 'arktype';
import { DisplayName } from '../../shared/model/primitives.ts';
import { Email, Plan, publicTenant, type Tenant } from '../../shared/model/tenant.ts';
import { allocateUid, newTenant, putTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { syncAt } from '../../shared/store/billing/sync-due.ts';
import type { Write } from '../../shared/store/transact.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';

export const TenantRequest = type({ '+': 'reject', name: DisplayName, email: Email, 'plan?': Plan });

/** Creates a tenant, Free unless the operator says otherwise. It has no keys yet. */
export async function createTenant(
  deps: ApiDeps,
  input: typeof TenantRequest.infer,
  change: Change,
): Promise<Tenant> {
  const uid = await allocateUid(deps.store, { start: deps.settings.uidStart, count: deps.settings.uidCount });
  const record = newTenant(deps.store, {
    ...input,
    plan: input.plan ?? 'free',
    // A plan that the operator chose is the operator's; without one the tenant may buy its own.
    plan_source: deps.billing === undefined || input.plan !== undefined ? 'manual' : 'stripe',
    uid,
  });
  const tenant = publicTenant(record);
  await change.commit(
    [putTenant(record), ...customerDue(deps, record)],
    { status: 201, body: tenant },
    { resource: `tenants/${tenant.id}`, metadata: { plan: tenant.plan } },
  );
  return tenant;
}

/** Stripe learns of a tenant later, so that no tenant waits for Stripe. */
const customerDue = (deps: ApiDeps, { id, created_at: now }: Tenant): Write[] =>
  deps.billing === undefined ? [] : [syncAt(id, now)];
