import { billingPeriod } from '../../billing-period.ts';
import { UsageCounter } from '../../model/billing.ts';
import type { Limits } from '../../plans.ts';
import { OUTBOXES } from '../billing/outbox.ts';
import { usageKey } from '../item-keys.ts';
import { fromItem, type Item, type Store } from '../store.ts';
import type { Write } from '../transact.ts';

export type QuotaReservation = {
  /** Belongs into the transaction that accepts the job; labelled `quota`. */
  readonly write: Write;
  /** Start of the period: names the counter that a refund goes to. */
  readonly period: string;
  readonly resetsAt: string;
};

/**
 * One job of a tenant's quota, or undefined for a tenant without one: an uncapped tenant's submissions share
 * no item, so they never conflict. The limit in force lives on the counter itself, so that a change of plan is
 * a write to the counter and not to what submissions read.
 */
export function quotaReservation(
  store: Store,
  tenant: { readonly tenantId: string; readonly limits: Limits; readonly billingAnchor: number },
): QuotaReservation | undefined {
  const limit = tenant.limits.jobs_per_period;
  if (limit === null) return undefined;
  const period = billingPeriod(tenant.billingAnchor, store.clock.now());
  return {
    period: period.start,
    resetsAt: period.end,
    write: {
      label: 'quota',
      table: 'tenants',
      update: usageKey(tenant.tenantId, period.start),
      change: {
        add: { used: 1 },
        setTo: {
          limit: 'if_not_exists(#limit, :limit)',
          resets_at: 'if_not_exists(#resets_at, :resets_at)',
          // The sweep for alerts looks at every counter that has a job and has not had its last alert.
          outbox: 'if_not_exists(#outbox, :outbox)',
          outbox_at: 'if_not_exists(#outbox_at, :since)',
        },
        // Without the counter the limit of the plan decides; with it, the limit that it carries.
        condition: `attribute_not_exists(#superseded) AND (${
          limit > 0 ? 'attribute_not_exists(#used) OR #used < #limit' : '#used < #limit'
        })`,
        values: { limit, resets_at: period.end, outbox: OUTBOXES.quota, since: period.start },
      },
    },
  };
}

/**
 * Whether a refused reservation was asked of a counter that no longer counts: the caller's copy of the tenant
 * is older than its plan.
 */
export const isSuperseded = (counter: Item | undefined): boolean =>
  counter !== undefined && fromItem(UsageCounter, counter).superseded === true;
