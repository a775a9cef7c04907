import { billingPeriod } from '../../billing-period.ts';
import { ALERT_THRESHOLDS, UsageCounter, type UsageReport } from '../../model/billing.ts';
import type { TenantRecord } from '../../model/tenant.ts';
import { effectiveLimits } from '../../plans.ts';
import { usageKey } from '../item-keys.ts';
import { fromItem, getItem, type Store } from '../store.ts';
import { ledgerBetween } from '../billing/ledger.ts';

/** The counter of a period; undefined before its first job. */
export async function getCounter(
  store: Store,
  tenantId: string,
  period: string,
): Promise<UsageCounter | undefined> {
  const item = await getItem(store, 'tenants', usageKey(tenantId, period));
  return item && fromItem(UsageCounter, item);
}

/** What a tenant has used of the current period: the counter under a limit, the ledger without one. */
export async function readUsage(store: Store, tenant: TenantRecord): Promise<UsageReport> {
  const period = billingPeriod(Date.parse(tenant.billing_anchor), store.clock.now());
  const limit = effectiveLimits(tenant.plan, tenant.limits, tenant.spend_cap).jobs_per_period;
  const counter = limit === null ? undefined : await getCounter(store, tenant.id, period.start);
  const used =
    limit === null
      ? (await ledgerBetween(store, tenant.id, period.start, period.end)).length
      : (counter?.used ?? 0);
  return {
    period,
    used: Math.max(used, 0),
    limit: limit === null ? null : (counter?.limit ?? limit),
    resets_at: period.end,
    alerts: ALERT_THRESHOLDS.flatMap((threshold) => {
      const raisedAt = counter?.[`alerted_${threshold}`];
      return raisedAt === undefined ? [] : [{ threshold, raised_at: raisedAt }];
    }),
  };
}
