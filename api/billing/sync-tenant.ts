import type Stripe from 'stripe';
import { isoTime } from '../../shared/clock.ts';
import { OutpostError } from '../../shared/errors.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { auditWrite } from '../../shared/store/audit/entry-write.ts';
import { noSync, syncAt } from '../../shared/store/billing/sync-due.ts';
import { tenantKey } from '../../shared/store/item-keys.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { ConditionFailed, transact, type Write } from '../../shared/store/transact.ts';
import { quotaChange } from '../../shared/store/usage/change-quota.ts';
import type { ApiDeps } from '../deps.ts';
import { raiseBillingAlert } from './alert.ts';
import { ensureCustomer } from './customer.ts';
import { askStripe, type Billing } from './stripe.ts';
import { bestSubscription, tenantState, type TenantState, UnknownPrice } from './subscription-state.ts';

const ROUNDS = 8;
const PAGE = 100;

/**
 * Makes a tenant what Stripe says it is. Stripe is asked after the tenant was read, and the answer is written
 * only if nobody changed the tenant in between: so, in whatever order events arrive, what is written last was
 * asked last. `extra` joins the transaction (the event that caused it). A manual plan is left alone. Throws
 * unavailable when Stripe does not answer.
 */
export async function syncTenant(
  deps: ApiDeps,
  billing: Billing,
  tenantId: string,
  extra: readonly Write[] = [],
): Promise<TenantRecord | undefined> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = await getTenant(deps.store, tenantId);
    if (found === undefined) return undefined;
    if (found.status === 'deleted') {
      await endSubscriptions(billing, found);
      await commit(deps, [noSync(tenantId), ...extra]);
      return found;
    }
    const { tenant, customerId } = await ensureCustomer(deps, billing, found);
    const subscriptions = await listSubscriptions(billing, customerId);
    const set = changesOf(deps, billing, tenant, subscriptions);
    if (await write(deps, tenant, set, extra)) {
      for (const hash of tenant.active_keys) deps.keyring.forget(hash);
      return { ...tenant, ...set };
    }
  }
  throw new OutpostError('conflict', 'The tenant changes too fast. Try again.', { retryAfterSeconds: 1 });
}

/** All of a customer's subscriptions, ended ones included. */
async function listSubscriptions(billing: Billing, customer: string): Promise<Stripe.Subscription[]> {
  return askStripe(billing, async (stripe) => {
    const subscriptions: Stripe.Subscription[] = [];
    const list = stripe.subscriptions.list({ customer, status: 'all', limit: PAGE });
    for await (const subscription of list) subscriptions.push(subscription);
    return subscriptions;
  });
}

/** The customer's subscription that counts now, as Stripe says; undefined when none is live. */
export async function liveSubscription(
  billing: Billing,
  customer: string,
): Promise<Stripe.Subscription | undefined> {
  return bestSubscription(billing.config, await listSubscriptions(billing, customer));
}

function changesOf(
  deps: ApiDeps,
  billing: Billing,
  tenant: TenantRecord,
  subscriptions: readonly Stripe.Subscription[],
): Partial<TenantRecord> {
  for (const { id, billing_mode: mode } of subscriptions) {
    if (mode.type !== 'flexible') raiseBillingAlert(deps, 'billing.not_flexible', { subscription_id: id });
  }
  try {
    const asked = tenantState(billing.config, tenant, subscriptions, deps.clock.now());
    const { plan, status, billing_anchor } = tenant;
    const state = tenant.plan_source === 'manual' ? { ...asked, plan, status, billing_anchor } : asked;
    return same(tenant, state) ? {} : state;
  } catch (error) {
    if (!(error instanceof UnknownPrice)) throw error;
    raiseBillingAlert(deps, 'billing.unknown_price', { tenant_id: tenant.id, error: error.message });
    return {};
  }
}

/** Whether nothing but the time of asking differs. */
function same(tenant: TenantRecord, state: TenantState): boolean {
  const { billing: known } = tenant;
  const { billing: next } = state;
  return (
    tenant.plan === state.plan &&
    tenant.status === state.status &&
    tenant.billing_anchor === state.billing_anchor &&
    known?.subscription_id === next.subscription_id &&
    known.subscription_status === next.subscription_status &&
    known.cancel_at === next.cancel_at &&
    known.grace_until === next.grace_until
  );
}

async function write(
  deps: ApiDeps,
  tenant: TenantRecord,
  set: Partial<TenantRecord>,
  extra: readonly Write[],
): Promise<boolean> {
  const graceUntil = set.billing === undefined ? tenant.billing?.grace_until : set.billing.grace_until;
  const grace = graceUntil ?? undefined;
  const pending = grace !== undefined && Date.parse(grace) > deps.clock.now();
  const schedule = pending ? syncAt(tenant.id, grace) : noSync(tenant.id);
  const changed = Object.keys(set).length > 0;
  try {
    await commit(deps, [
      ...(changed
        ? [
            ...changeTenant(deps.store, tenant, set),
            ...(await quotaChange(deps.store, tenant, set)),
            auditWrite(deps.store, syncEntry(deps, tenant, set)),
          ]
        : [unchanged(tenant)]),
      schedule,
      ...extra,
    ]);
    return true;
  } catch (error) {
    if (error instanceof ConditionFailed && error.failed.has('tenant')) return false;
    throw error;
  }
}

/** Nothing to write of the tenant; what is written beside it still holds only for the tenant as it was read. */
const unchanged = (tenant: TenantRecord): Write => ({
  label: 'tenant',
  table: 'tenants',
  check: tenantKey(tenant.id),
  condition: '#revision = :seen',
  values: { seen: tenant.revision },
});

const commit = (deps: ApiDeps, writes: readonly Write[]): Promise<void> => transact(deps.store, writes);

function syncEntry(deps: ApiDeps, tenant: TenantRecord, set: Partial<TenantRecord>): AuditEntry {
  return {
    tenant_id: tenant.id,
    timestamp: isoTime(deps.clock.now()),
    action: 'billing.sync',
    resource: `tenants/${tenant.id}`,
    metadata: {
      plan: set.plan ?? tenant.plan,
      status: set.status ?? tenant.status,
      subscription: set.billing?.subscription_status ?? tenant.billing?.subscription_status ?? null,
    },
    request_id: `${tenant.id}:billing.sync:${tenant.revision + 1}`,
    actor: 'system',
    source_ip: null,
    user_agent: null,
    outcome: 'allowed',
    status: null,
  };
}

/** A deleted tenant pays for nothing more; what it used until now is still billed. */
async function endSubscriptions(billing: Billing, tenant: TenantRecord): Promise<void> {
  if (tenant.stripe_customer_id === null) return;
  const subscriptions = await listSubscriptions(billing, tenant.stripe_customer_id);
  for (const { id, status } of subscriptions) {
    if (status === 'canceled' || status === 'incomplete_expired') continue;
    await askStripe(billing, (stripe) => stripe.subscriptions.cancel(id, { invoice_now: true }));
  }
}
