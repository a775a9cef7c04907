import { newApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { apiKeyKey } from '../../shared/store/item-keys.ts';
import type { Store } from '../../shared/store/store.ts';
import { TEST_PEPPER, type TestTenant } from '../../tests/harness/outpost.ts';
import { batchPut } from '../measure/batch-put.ts';

/** Keys that no process has seen: each request with one of them finds no cached key. */
export async function freshKeys(
  store: Store,
  tenants: readonly TestTenant[],
  count: number,
): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, index) => {
    const tenant = tenants[index % tenants.length]?.tenant;
    if (tenant === undefined) throw new Error('no tenants');
    return newApiKey(store, TEST_PEPPER, tenant, {
      name: 'fresh',
      mode: 'live',
      scopes: ['jobs:read', 'jobs:write'],
      expiresAt: null,
      requestsPerMinute: 1_000_000,
    });
  });
  await batchPut(
    store,
    'tenants',
    keys.map(({ record }) => ({ ...apiKeyKey(record.key_hash), key_tenant_id: record.tenant_id, ...record })),
  );
  return keys.map(({ apiKey }) => apiKey);
}
