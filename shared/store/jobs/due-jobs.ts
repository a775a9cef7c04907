import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { type Store, toItem } from '../store.ts';
import { CHECK_SHARDS } from './job-state.ts';

export type JobId = { readonly tenantId: string; readonly jobId: string };

/** Unfinished jobs that were to be looked at by now, longest overdue first, at most `limit` a shard. */
export async function dueJobs(store: Store, limit: number): Promise<JobId[]> {
  const shards = await Promise.all(
    Array.from({ length: CHECK_SHARDS }, (_, shard) => dueInShard(store, String(shard), limit)),
  );
  return shards.flat();
}

async function dueInShard(store: Store, shard: string, limit: number): Promise<JobId[]> {
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.jobs,
      IndexName: 'unfinished',
      Limit: limit,
      KeyConditionExpression: '#check_shard = :shard AND #next_check_at <= :now',
      ExpressionAttributeNames: { '#check_shard': 'check_shard', '#next_check_at': 'next_check_at' },
      ExpressionAttributeValues: toItem({ ':shard': shard, ':now': store.clock.now() }),
    }),
  );
  return (answer.Items ?? []).map((item) => ({
    tenantId: item['tenant_id']?.S ?? '',
    jobId: item['job_id']?.S ?? '',
  }));
}
