/**
 * The primary keys of every item in the tenants table. All but two kinds derive from the tenant: a key lies
 * under its own hash (authentication starts from nothing else), and the platform's counters have no tenant.
 */
type Key = { readonly pk: string; readonly sk: string };

const tenantPartition = (tenantId: string): string => `TENANT#${tenantId}`;

export const tenantKey = (tenantId: string): Key => ({ pk: tenantPartition(tenantId), sk: 'TENANT' });

export const apiKeyKey = (keyHash: string): Key => ({ pk: `KEY#${keyHash}`, sk: 'KEY' });

export const keyUseKey = (keyId: string): Key => ({ pk: `KEYUSE#${keyId}`, sk: 'USE' });

/** One per key and calendar minute. */
export const rateKey = (keyHash: string, minute: number): Key => ({
  pk: `RATE#${keyHash}`,
  sk: String(minute),
});

/** How many of the tenant's jobs run: only for tenants with a cap. */
export const slotsKey = (tenantId: string): Key => ({ pk: tenantPartition(tenantId), sk: 'SLOTS' });

/** Held by the one running job of a workspace. */
export const workspaceKey = (tenantId: string, workspace: string): Key => ({
  pk: tenantPartition(tenantId),
  sk: `WORKSPACE#${workspace}`,
});

export const usageKey = (tenantId: string, periodStart: string): Key => ({
  pk: tenantPartition(tenantId),
  sk: `USAGE#${periodStart}`,
});

/** One row a billable job: the ledger, and the outbox of the usage reporter. */
export const ledgerKey = (tenantId: string, jobId: string): Key => ({
  pk: tenantPartition(tenantId),
  sk: `LEDGER#${jobId}`,
});

/** Until when a tenant's usage was invoiced for good. */
export const closedKey = (tenantId: string): Key => ({ pk: tenantPartition(tenantId), sk: 'BILLING_CLOSED' });

/** When a tenant is to be compared with Stripe again. */
export const syncKey = (tenantId: string): Key => ({ pk: tenantPartition(tenantId), sk: 'BILLING_SYNC' });

export const invoiceKey = (tenantId: string, invoiceId: string): Key => ({
  pk: tenantPartition(tenantId),
  sk: `INVOICE#${invoiceId}`,
});

export const alertKey = (tenantId: string, period: string, threshold: number): Key => ({
  pk: tenantPartition(tenantId),
  sk: `ALERT#${period}#${threshold}`,
});

/** Leads from a Stripe customer to its tenant. */
export const customerKey = (customerId: string): Key => ({
  pk: `STRIPE_CUSTOMER#${customerId}`,
  sk: 'CUSTOMER',
});

export const stripeEventKey = (eventId: string): Key => ({ pk: `STRIPE_EVENT#${eventId}`, sk: 'EVENT' });

export const idempotencyKey = (tenantId: string, keyDigest: string): Key => ({
  pk: tenantPartition(tenantId),
  sk: `IDEMPOTENCY#${keyDigest}`,
});

export const uidCounterKey: Key = { pk: 'PLATFORM', sk: 'UID_COUNTER' };

export const bootstrapKey: Key = { pk: 'PLATFORM', sk: 'BOOTSTRAP' };
