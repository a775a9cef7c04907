import { type BillingPeriod, billingPeriod } from '../../billing-period.ts';
import type { TenantRecord } from '../../model/tenant.ts';
import { effectiveLimits } from '../../plans.ts';
import { OUTBOXES } from '../billing/outbox.ts';
import { usageKey } from '../item-keys.ts';
import type { Store } from '../store.ts';
import type { Write } from '../transact.ts';
import { getCounter } from './read-usage.ts';
import { acceptedUncounted } from './uncounted-jobs.ts';

type Quota = { readonly limit: number | null; readonly period: BillingPeriod };

const quotaOf = (tenant: TenantRecord, now: number): Quota => ({
  limit: effectiveLimits(tenant.plan, tenant.limits, tenant.spend_cap).jobs_per_period,
  period: billingPeriod(Date.parse(tenant.billing_anchor), now),
});

/**
 * What a change of plan, limits or anchor does to the tenant's counters; belongs into the transaction that
 * changes the tenant. `used` stays and the limit on the counter becomes the new one, so that submissions with
 * an older copy of the tenant obey it at once. A counter that no longer counts is marked, which sends those
 * submissions back to read the tenant. A tenant that was uncapped takes the jobs it has had so far with it.
 */
export async function quotaChange(
  store: Store,
  before: TenantRecord,
  set: Partial<TenantRecord>,
): Promise<Write[]> {
  const now = store.clock.now();
  const old = quotaOf(before, now);
  const next = quotaOf({ ...before, ...set }, now);
  const samePeriod = old.period.start === next.period.start;
  if (samePeriod && old.limit === next.limit) return [];
  return [
    ...(samePeriod && next.limit !== null ? [] : [supersede(before.id, old.period)]),
    ...(next.limit === null
      ? []
      : [counter(before.id, next, await carriedOver(store, before.id, old, next))]),
  ];
}

/** Jobs that the counter does not know of, because they were accepted without a limit; those it does, apart. */
async function carriedOver(store: Store, tenantId: string, old: Quota, next: Quota): Promise<Carried> {
  if (old.limit !== null) return { added: 0 };
  const [accepted, known] = await Promise.all([
    acceptedUncounted(store, tenantId, next.period.start),
    getCounter(store, tenantId, next.period.start),
  ]);
  return { added: accepted - (known?.carried ?? 0), carried: accepted };
}

const supersede = (tenantId: string, period: BillingPeriod): Write => ({
  label: 'superseded',
  table: 'tenants',
  update: usageKey(tenantId, period.start),
  change: { set: { superseded: true }, remove: ['outbox', 'outbox_at'] },
});

type Carried = { readonly added: number; readonly carried?: number };

const counter = (tenantId: string, { limit, period }: Quota, { added, carried }: Carried): Write => ({
  label: 'counter',
  table: 'tenants',
  update: usageKey(tenantId, period.start),
  change: {
    set: { limit, resets_at: period.end, carried, outbox: OUTBOXES.quota, outbox_at: period.start },
    add: { used: added },
    remove: ['superseded'],
  },
});
