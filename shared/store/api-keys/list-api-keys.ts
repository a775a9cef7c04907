import { BatchGetItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { type } from 'arktype';
import { type ApiKey, ApiKeyRecord, publicApiKey } from '../../model/api-key.ts';
import { Timestamp, Ulid } from '../../model/primitives.ts';
import { apiKeyKey, keyUseKey } from '../item-keys.ts';
import { fromItem, getItem, type Item, type Store, toItem } from '../store.ts';

const KeyUse = type({ key_id: Ulid, last_used: Timestamp });

/** A page of a tenant's keys, oldest first, revoked ones included; never the hash. */
export async function listApiKeys(
  store: Store,
  tenantId: string,
  page: { after?: string; limit: number },
): Promise<{ keys: ApiKey[]; more: boolean }> {
  const after = page.after === undefined ? undefined : await findApiKey(store, tenantId, page.after);
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.tenants,
      IndexName: 'keys-by-tenant',
      Limit: page.limit,
      KeyConditionExpression: '#key_tenant_id = :tenant',
      ExpressionAttributeNames: { '#key_tenant_id': 'key_tenant_id' },
      ExpressionAttributeValues: toItem({ ':tenant': tenantId }),
      ...(after === undefined
        ? {}
        : {
            ExclusiveStartKey: toItem({
              ...apiKeyKey(after.key_hash),
              key_tenant_id: tenantId,
              key_id: after.key_id,
            }),
          }),
    }),
  );
  const records = (answer.Items ?? []).map((item) => fromItem(ApiKeyRecord, item));
  const used = await lastUses(
    store,
    records.map((record) => record.key_id),
  );
  return {
    keys: records.map((record) => publicApiKey(record, used.get(record.key_id) ?? null)),
    more: answer.LastEvaluatedKey !== undefined,
  };
}

/** A tenant's key by its id; undefined when this tenant has no such key. */
export async function findApiKey(
  store: Store,
  tenantId: string,
  keyId: string,
): Promise<ApiKeyRecord | undefined> {
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.tenants,
      IndexName: 'keys-by-tenant',
      Limit: 1,
      KeyConditionExpression: '#key_tenant_id = :tenant AND #key_id = :key',
      ExpressionAttributeNames: { '#key_tenant_id': 'key_tenant_id', '#key_id': 'key_id' },
      ExpressionAttributeValues: toItem({ ':tenant': tenantId, ':key': keyId }),
    }),
  );
  const hash = answer.Items?.[0]?.['key_hash']?.S;
  if (hash === undefined) return undefined;
  // The index may lag; the record itself is read strongly.
  const item = await getItem(store, 'tenants', apiKeyKey(hash));
  return item && fromItem(ApiKeyRecord, item);
}

async function lastUses(store: Store, keyIds: readonly string[]): Promise<Map<string, string>> {
  const uses = new Map<string, string>();
  let pending: Item[] = keyIds.map((keyId) => toItem(keyUseKey(keyId)));
  while (pending.length > 0) {
    const table = store.tables.tenants;
    const answer = await store.client.send(
      new BatchGetItemCommand({ RequestItems: { [table]: { Keys: pending } } }),
    );
    for (const item of answer.Responses?.[table] ?? []) {
      const use = fromItem(KeyUse, item);
      uses.set(use.key_id, use.last_used);
    }
    pending = answer.UnprocessedKeys?.[table]?.Keys ?? [];
  }
  return uses;
}
