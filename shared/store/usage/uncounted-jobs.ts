import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { encodeTime } from 'ulid';
import { type Item, type Store, toItem } from '../store.ts';

const FIRST_RANDOM = '0'.repeat(16);

/**
 * How many jobs a tenant was accepted since `from` without one of them being counted, refunded ones left out:
 * those that it had while it had no limit. Reads every job since then, so it is for changes of plan only.
 */
export async function acceptedUncounted(store: Store, tenantId: string, from: string): Promise<number> {
  let count = 0;
  let start: Item | undefined;
  do {
    const answer = await store.client.send(
      new QueryCommand({
        TableName: store.tables.jobs,
        ConsistentRead: true,
        Select: 'COUNT',
        KeyConditionExpression: '#tenant_id = :tenant AND #job_id >= :first',
        FilterExpression:
          'attribute_not_exists(#usage_period) AND (#status IN (:pending, :running) OR ' +
          '(attribute_exists(#agent_started_at) AND (attribute_type(#failure, :null) OR #failure.#code <> :ours)))',
        ExpressionAttributeNames: {
          '#tenant_id': 'tenant_id',
          '#job_id': 'job_id',
          '#usage_period': 'usage_period',
          '#status': 'status',
          '#agent_started_at': 'agent_started_at',
          '#failure': 'failure',
          '#code': 'code',
        },
        ExpressionAttributeValues: toItem({
          ':tenant': tenantId,
          ':first': `${encodeTime(Date.parse(from))}${FIRST_RANDOM}`,
          ':pending': 'pending',
          ':running': 'running',
          ':null': 'NULL',
          ':ours': 'platform_failure',
        }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    count += answer.Count ?? 0;
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return count;
}
