import { ulid } from 'ulid';
import { isoTime } from '../../shared/clock.ts';
import { getLedgerRow } from '../../shared/store/billing/ledger.ts';
import { ledgerOutbox } from '../../shared/store/billing/outbox.ts';
import { ledgerKey } from '../../shared/store/item-keys.ts';
import { transact } from '../../shared/store/transact.ts';
import { type BillingWorld, MINUTE, type payingTenant } from './world.ts';

/** Billable jobs of a tenant, and what becomes of them. */

export type PayingTenant = Awaited<ReturnType<typeof payingTenant>>;

/** A row as the end of a job writes it; `at` is when the job ended. */
export async function billableJob(
  world: BillingWorld,
  tenant: PayingTenant,
  at: number = world.clock.now(),
): Promise<string> {
  const jobId = ulid(at - MINUTE);
  await transact(world.deps.store, [
    {
      label: 'ledger',
      table: 'tenants',
      put: {
        ...ledgerKey(tenant.tenantId, jobId),
        tenant_id: tenant.tenantId,
        job_id: jobId,
        agent: 'codex',
        billable_at: isoTime(at),
        outbox: ledgerOutbox(tenant.tenantId),
        outbox_at: isoTime(at),
      },
    },
  ]);
  return jobId;
}

/** What Stripe has taken of a tenant's usage. */
export const metered = (world: BillingWorld, tenant: PayingTenant) =>
  world.stripe.state.meterEvents
    .all()
    .filter(({ payload }) => payload['stripe_customer_id'] === tenant.customer);

/** A job's row of the ledger. Throws when there is none. */
export const row = async (world: BillingWorld, tenant: PayingTenant, jobId: string) => {
  const found = await getLedgerRow(world.deps.store, tenant.tenantId, jobId);
  if (found === undefined) throw new Error('no row');
  return found;
};

/** The invoice of the last period that ended, as Stripe has it. */
export const lastInvoice = (world: BillingWorld, tenant: PayingTenant) => {
  const found = world.stripe.state.invoices
    .all()
    .filter(
      ({ customer, billing_reason: reason }) =>
        customer === tenant.customer && reason === 'subscription_cycle',
    )
    .at(-1);
  if (found === undefined) throw new Error('no invoice');
  return found;
};

/** Lets the running period of a tenant end. */
export function endPeriod(world: BillingWorld, tenant: PayingTenant): void {
  const subscription = world.stripe.state.subscriptions
    .all()
    .find(({ customer }) => customer === tenant.customer);
  const end = subscription?.items.data[0]?.current_period_end ?? 0;
  world.pass(end * 1000 - world.clock.now());
}
