import { notFound } from '../../shared/errors.ts';
import { type ApiKey, publicApiKey } from '../../shared/model/api-key.ts';
import { revocationFields, revokeApiKey as revocation } from '../../shared/store/api-keys/api-key-writes.ts';
import { findApiKey } from '../../shared/store/api-keys/list-api-keys.ts';
import type { Caller } from '../caller.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { requireWorkingTenant, withTenant } from './find-tenant.ts';

/**
 * Revokes a key: from this answer on it starts no work and changes nothing, whatever is cached. Revoking it
 * again answers the same. Throws not_found, conflict.
 */
export async function revokeApiKey(
  deps: ApiDeps,
  caller: Caller,
  tenantId: string,
  keyId: string,
  change: Change,
): Promise<ApiKey> {
  return withTenant(deps, tenantId, async (tenant) => {
    const record = await findApiKey(deps.store, tenantId, keyId);
    if (record === undefined) throw notFound('API key');
    if (record.revoked) return publicApiKey(record, null);
    const ownKey = record.key_hash === caller.keyHash;
    if (ownKey) requireWorkingTenant(tenant);
    const key = publicApiKey({ ...record, ...revocationFields(deps.store) }, null);
    await change.commit(
      revocation(deps.store, tenant, record.key_hash),
      { status: 200, body: key },
      // A key that revokes itself is checked by the write that revokes it.
      ownKey ? { withoutKeyCheck: true } : {},
    );
    deps.keyring.forget(record.key_hash);
    return key;
  });
}
