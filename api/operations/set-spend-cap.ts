import { type } from 'arktype';
import { isoTime } from '../../shared/clock.ts';
import { OutpostError } from '../../shared/errors.ts';
import { NonNegativeInteger } from '../../shared/model/primitives.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { quotaChange } from '../../shared/store/usage/change-quota.ts';
import type { Caller } from '../caller.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { requireWorkingTenant, withTenant } from './find-tenant.ts';

/** Jobs a period; null takes the cap away. */
export const SpendCap = type({ '+': 'reject', jobs_per_period: NonNegativeInteger.or('null') });
export type SpendCap = typeof SpendCap.infer;

/**
 * Row "spend cap": a hard limit of jobs a period that an Enterprise tenant sets for itself, enforced by the
 * same counter as a quota. What it has used of the period counts. Throws forbidden for other plans.
 */
export async function setSpendCap(
  deps: ApiDeps,
  caller: Caller,
  input: SpendCap,
  change: Change,
): Promise<SpendCap> {
  return withTenant(deps, caller.tenantId, async (before) => {
    if (before.plan !== 'enterprise' && input.jobs_per_period !== null) {
      throw new OutpostError(
        'forbidden',
        'Only Enterprise has a cap of its own: the other plans have a quota.',
      );
    }
    requireWorkingTenant(before);
    const set = { spend_cap: input.jobs_per_period, updated_at: isoTime(deps.clock.now()) };
    await change.commit(
      [...changeTenant(deps.store, before, set), ...(await quotaChange(deps.store, before, set))],
      { status: 200, body: input },
      {
        metadata: { jobs_per_period: input.jobs_per_period },
        // The caller's own key is among the copies that are rewritten, under the same condition.
        ...(before.active_keys.includes(caller.keyHash) ? { withoutKeyCheck: true } : {}),
      },
    );
    for (const hash of before.active_keys) deps.keyring.forget(hash);
    return input;
  });
}
