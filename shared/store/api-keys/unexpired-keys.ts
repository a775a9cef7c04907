import { isoTime } from '../../clock.ts';
import { ApiKeyRecord } from '../../model/api-key.ts';
import type { TenantRecord } from '../../model/tenant.ts';
import { apiKeyKey } from '../item-keys.ts';
import { fromItem, getItem, type Store } from '../store.ts';

/** The hashes of a tenant's keys that have not expired: an expired key authenticates nobody and needs no copy. */
export async function unexpiredKeys(store: Store, tenant: TenantRecord): Promise<string[]> {
  const now = isoTime(store.clock.now());
  const checked = await Promise.all(
    tenant.active_keys.map(async (hash) => {
      const item = await getItem(store, 'tenants', apiKeyKey(hash));
      const record = item && fromItem(ApiKeyRecord, item);
      return record?.expires_at === null || (record?.expires_at ?? '') > now ? hash : undefined;
    }),
  );
  return checked.filter((hash) => hash !== undefined);
}
