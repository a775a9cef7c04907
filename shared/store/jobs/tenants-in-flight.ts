import { QueryCommand } from '@aws-sdk/client-dynamodb';
import type { Item, Store } from '../store.ts';
import { toItem } from '../store.ts';
import { CHECK_SHARDS } from './job-state.ts';

/** How many tenants have a job in flight: accepted and not terminal. Reads the keys of every such job. */
export async function tenantsInFlight(store: Store): Promise<number> {
  const shards = await Promise.all(
    Array.from({ length: CHECK_SHARDS }, (_, shard) => tenantsInShard(store, String(shard))),
  );
  return new Set(shards.flat()).size;
}

async function tenantsInShard(store: Store, shard: string): Promise<string[]> {
  const tenants = new Set<string>();
  let start: Item | undefined;
  do {
    const answer = await store.client.send(
      new QueryCommand({
        TableName: store.tables.jobs,
        IndexName: 'unfinished',
        KeyConditionExpression: '#check_shard = :shard',
        ProjectionExpression: '#tenant_id',
        ExpressionAttributeNames: { '#check_shard': 'check_shard', '#tenant_id': 'tenant_id' },
        ExpressionAttributeValues: toItem({ ':shard': shard }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    for (const item of answer.Items ?? []) tenants.add(item['tenant_id']?.S ?? '');
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return [...tenants];
}
