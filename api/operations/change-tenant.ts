import { type } from 'arktype';
import { isoTime } from '../../shared/clock.ts';
import { invalidField, OutpostError } from '../../shared/errors.ts';
import { DisplayName } from '../../shared/model/primitives.ts';
import {
  Email,
  LimitOverrides,
  Plan,
  publicTenant,
  type Tenant,
  TENANT_TRANSITIONS,
  type TenantStatus,
  TenantStatus as Status,
  WORKING_STATUSES,
} from '../../shared/model/tenant.ts';
import { syncAt } from '../../shared/store/billing/sync-due.ts';
import type { Write } from '../../shared/store/transact.ts';
import { quotaChange } from '../../shared/store/usage/change-quota.ts';
import { changeTenant as tenantWrites } from '../../shared/store/tenants/tenant-writes.ts';
import { type Caller, isAdmin } from '../caller.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { withTenant } from './find-tenant.ts';

export const TenantPatch = type({
  '+': 'reject',
  'name?': DisplayName,
  'email?': Email,
  'plan?': Plan,
  'status?': Status.exclude("'deleted'"),
  'isolation?': "'pool' | 'dedicated'",
  'limits?': LimitOverrides,
  /** `stripe` gives the plan back to what the tenant pays for. */
  'plan_source?': "'manual' | 'stripe'",
});
type TenantPatch = typeof TenantPatch.infer;

/** What only the operator may set: nobody raises their own plan, status or limits. */
const ADMIN_FIELDS = ['plan', 'plan_source', 'status', 'isolation', 'limits'] as const;

/**
 * Changes a tenant, and with it the copy on each of its keys. Throws forbidden for a field that is the
 * operator's, invalid_request for a status that may not follow, not_found, conflict.
 */
export async function changeTenant(
  deps: ApiDeps,
  caller: Caller,
  tenantId: string,
  patch: TenantPatch,
  change: Change,
): Promise<Tenant> {
  if (Object.keys(patch).length === 0) throw invalidField('body', 'must name at least one field to change.');
  const reserved = ADMIN_FIELDS.filter((field) => field in patch);
  if (reserved.length > 0 && !isAdmin(caller)) {
    throw new OutpostError('forbidden', `Only the operator may set ${reserved.join(', ')}.`, {
      errors: reserved.map((field) => ({ field, message: 'may only be set by the operator' })),
    });
  }
  if (
    tenantId === caller.tenantId &&
    patch.status !== undefined &&
    !WORKING_STATUSES.includes(patch.status)
  ) {
    throw new OutpostError('forbidden', 'The operator’s own tenant must stay able to work.');
  }
  return withTenant(deps, tenantId, async (before) => {
    if (patch.status !== undefined) requireTransition(before.status, patch.status);
    const set = {
      // What the operator sets, Stripe's events do not touch.
      ...(patch.plan === undefined ? {} : { plan_source: 'manual' as const }),
      ...patch,
      updated_at: isoTime(deps.clock.now()),
      ...(patch.limits === undefined ? {} : { limits: { ...before.limits, ...patch.limits } }),
    };
    const after = publicTenant({ ...before, ...set });
    await change.commit(
      [
        ...tenantWrites(deps.store, before, set),
        ...(await quotaChange(deps.store, before, set)),
        ...stripeDue(deps, before.id, patch),
      ],
      { status: 200, body: after },
      {
        metadata: { fields: Object.keys(patch).join(',') },
        // The caller's own key may be among the copies that are rewritten, under the same condition.
        ...(before.active_keys.includes(caller.keyHash) && copiesChange(patch)
          ? { withoutKeyCheck: true }
          : {}),
      },
    );
    for (const hash of before.active_keys) deps.keyring.forget(hash);
    return after;
  });
}

/** Given back to Stripe, the plan becomes what is paid for with the next run of billing. */
const stripeDue = (deps: ApiDeps, tenantId: string, patch: TenantPatch): Write[] =>
  patch.plan_source === 'stripe' && deps.billing !== undefined
    ? [syncAt(tenantId, isoTime(deps.clock.now()))]
    : [];

const copiesChange = (patch: TenantPatch): boolean =>
  'plan' in patch || 'status' in patch || 'limits' in patch;

function requireTransition(from: TenantStatus, to: TenantStatus): void {
  if (from === to || TENANT_TRANSITIONS[from].includes(to)) return;
  const allowed = TENANT_TRANSITIONS[from].filter((status) => status !== 'deleted').join(', ');
  throw invalidField('status', `may not follow ${from}; allowed are ${allowed}.`);
}
