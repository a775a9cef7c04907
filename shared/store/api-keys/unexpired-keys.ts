import { BatchGetItemCommand } from '@aws-sdk/client-dynamodb';
import { isoTime } from '../../clock.ts';
import { ApiKeyRecord } from '../../model/api-key.ts';
import type { TenantRecord } from '../../model/tenant.ts';
import { apiKeyKey } from '../item-keys.ts';
import { fromItem, type Item, type Store, toItem } from '../store.ts';

/** The hashes of a tenant's keys that have not expired: an expired key authenticates nobody and needs no copy. */
export async function unexpiredKeys(store: Store, tenant: TenantRecord): Promise<string[]> {
  const now = isoTime(store.clock.now());
  const table = store.tables.tenants;
  const inForce = new Set<string>();
  // At most 50 keys: one request, unless DynamoDB leaves some for another.
  let pending: Item[] = tenant.active_keys.map((hash) => toItem(apiKeyKey(hash)));
  while (pending.length > 0) {
    const answer = await store.client.send(
      new BatchGetItemCommand({ RequestItems: { [table]: { Keys: pending, ConsistentRead: true } } }),
    );
    for (const item of answer.Responses?.[table] ?? []) {
      const record = fromItem(ApiKeyRecord, item);
      if (record.expires_at === null || record.expires_at > now) inForce.add(record.key_hash);
    }
    pending = answer.UnprocessedKeys?.[table]?.Keys ?? [];
  }
  return tenant.active_keys.filter((hash) => inForce.has(hash));
}
