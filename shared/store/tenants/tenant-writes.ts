import { isoTime } from '../../clock.ts';
import { newUuid } from '../../ids.ts';
import type { Tenant, TenantRecord } from '../../model/tenant.ts';
import { apiKeyKey, tenantKey, uidCounterKey } from '../item-keys.ts';
import type { Store } from '../store.ts';
import type { Write } from '../transact.ts';
import { updateItem } from '../update-item.ts';

/** Partitions of the index over all tenants: those that are, those being deleted, those that were. */
export const DIRECTORY = 'tenants';
export const DELETING = 'deleting';
export const DELETED = 'deleted';
export const DIRECTORIES = [DIRECTORY, DELETING, DELETED] as const;

export const directorySort = (tenant: Pick<Tenant, 'created_at' | 'id'>): string =>
  `${tenant.created_at}#${tenant.id}`;

/** All uids of the configured range are given away: an operator must widen it. */
class UidsExhausted extends Error {
  override readonly name = 'UidsExhausted';
}

/** Takes the next POSIX uid for a tenant. By a counter, never by a hash: no two tenants may share one. */
export async function allocateUid(store: Store, range: { start: number; count: number }): Promise<number> {
  const counter = await updateItem(store, 'tenants', uidCounterKey, { add: { allocated: 1 } });
  const allocated = Number(counter?.['allocated']?.N);
  if (!(allocated <= range.count)) throw new UidsExhausted(`all ${range.count} uids are allocated`);
  return range.start + allocated - 1;
}

/** A new active tenant, not yet stored. */
export function newTenant(
  store: Store,
  fields: Pick<Tenant, 'name' | 'email' | 'plan'> & { uid: number; plan_source?: Tenant['plan_source'] },
): TenantRecord {
  const now = isoTime(store.clock.now());
  return {
    id: newUuid(),
    name: fields.name,
    email: fields.email,
    plan: fields.plan,
    plan_source: fields.plan_source ?? 'manual',
    status: 'active',
    isolation: 'pool',
    limits: {},
    stripe_customer_id: null,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    uid: fields.uid,
    revision: 1,
    billing_anchor: now,
    active_keys: [],
  };
}

/** Stores a new tenant; labelled `tenant`. */
export const putTenant = (tenant: TenantRecord): Write => ({
  label: 'tenant',
  table: 'tenants',
  put: { ...tenantKey(tenant.id), directory: DIRECTORY, directory_sort: directorySort(tenant), ...tenant },
  condition: 'attribute_not_exists(#pk)',
});

/** Fields of a tenant of which its keys carry a copy. */
const COPIED = {
  status: 'tenant_status',
  plan: 'tenant_plan',
  limits: 'tenant_limits',
  billing_anchor: 'tenant_billing_anchor',
  spend_cap: 'tenant_spend_cap',
} as const;

/**
 * Changes a tenant that was read as `before`, and its copies on its keys in force, in one transaction; labelled
 * `tenant`, and each key's copy `copy:<hash>`. A writer that read another revision loses, so no key is missed.
 */
export function changeTenant(
  store: Store,
  before: TenantRecord,
  set: Partial<TenantRecord>,
  keyChange?: { hash: string; set: Record<string, unknown> },
): Write[] {
  const copies = Object.fromEntries(
    Object.entries(COPIED)
      .filter(([field]) => field in set)
      .map(([field, copy]) => [copy, set[field as keyof typeof COPIED]]),
  );
  const copied = Object.keys(copies).length > 0 ? before.active_keys : [];
  const hashes = new Set([...copied, ...(keyChange === undefined ? [] : [keyChange.hash])]);
  return [
    {
      label: 'tenant',
      table: 'tenants',
      update: tenantKey(before.id),
      change: {
        set: { updated_at: isoTime(store.clock.now()), ...set, revision: before.revision + 1 },
        condition: '#revision = :seen',
        values: { seen: before.revision },
      },
    },
    ...[...hashes].map((hash): Write => ({
      label: `copy:${hash}`,
      table: 'tenants',
      update: apiKeyKey(hash),
      change: {
        set: { ...copies, ...(keyChange?.hash === hash ? keyChange.set : {}) },
        condition: '#revoked = :no',
        values: { no: false },
      },
    })),
  ];
}
