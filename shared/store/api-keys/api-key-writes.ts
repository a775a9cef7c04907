import { isoTime } from '../../clock.ts';
import { hashApiKey } from '../../hash.ts';
import { newUlid, randomHex } from '../../ids.ts';
import type { ApiKeyRecord, Scope } from '../../model/api-key.ts';
import type { TenantRecord } from '../../model/tenant.ts';
import { apiKeyKey } from '../item-keys.ts';
import type { Store } from '../store.ts';
import type { Write } from '../transact.ts';
import { changeTenant } from '../tenants/tenant-writes.ts';

/** Keys in force that a tenant may have: all their copies of the tenant change in one transaction. */
export const ACTIVE_KEYS_MAX = 50;

const KEY_BYTES = 16;

/** A new key of a tenant, not yet stored. The key in clear exists in this answer and nowhere else. */
export function newApiKey(
  store: Store,
  pepper: string,
  tenant: TenantRecord,
  fields: {
    name: string;
    mode: 'live' | 'test';
    scopes: readonly Scope[];
    expiresAt: string | null;
    requestsPerMinute: number | null;
  },
): { apiKey: string; record: ApiKeyRecord } {
  const now = store.clock.now();
  const apiKey = `op_${fields.mode}_${randomHex(KEY_BYTES)}`;
  return {
    apiKey,
    record: {
      key_id: newUlid(now),
      key_hash: hashApiKey(pepper, apiKey),
      tenant_id: tenant.id,
      name: fields.name,
      mode: fields.mode,
      scopes: [...fields.scopes],
      requests_per_minute: fields.requestsPerMinute,
      created_at: isoTime(now),
      expires_at: fields.expiresAt,
      revoked: false,
      revoked_at: null,
      tenant_status: tenant.status,
      tenant_plan: tenant.plan,
      tenant_limits: tenant.limits,
      tenant_billing_anchor: tenant.billing_anchor,
      ...(tenant.spend_cap === undefined ? {} : { tenant_spend_cap: tenant.spend_cap }),
    },
  };
}

/** Stores a key alone; labelled `new_key`. */
export const putApiKey = (record: ApiKeyRecord): Write => ({
  label: 'new_key',
  table: 'tenants',
  put: { ...apiKeyKey(record.key_hash), key_tenant_id: record.tenant_id, ...record },
  condition: 'attribute_not_exists(#pk)',
});

/** Stores a key and makes it one of the tenant's keys in force. */
export const addApiKey = (store: Store, tenant: TenantRecord, record: ApiKeyRecord): Write[] => [
  ...changeTenant(store, tenant, { active_keys: [...tenant.active_keys, record.key_hash] }),
  putApiKey(record),
];

/** Revokes a key in force. */
export const revokeApiKey = (store: Store, tenant: TenantRecord, keyHash: string): Write[] =>
  changeTenant(
    store,
    tenant,
    { active_keys: tenant.active_keys.filter((hash) => hash !== keyHash) },
    { hash: keyHash, set: revocationFields(store) },
  );

export const revocationFields = (store: Store): Pick<ApiKeyRecord, 'revoked' | 'revoked_at'> => ({
  revoked: true,
  revoked_at: isoTime(store.clock.now()),
});
