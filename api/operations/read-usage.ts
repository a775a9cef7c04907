import type { UsageReport } from '../../shared/model/billing.ts';
import { readUsage } from '../../shared/store/usage/read-usage.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { findTenant } from './find-tenant.ts';

/** What the caller's tenant has used of its current period, read strongly. */
export async function usageOf(deps: ApiDeps, caller: Caller): Promise<UsageReport> {
  return readUsage(deps.store, await findTenant(deps, caller.tenantId));
}
