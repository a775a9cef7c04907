import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { TenantRecord } from '../../model/tenant.ts';
import { tenantKey } from '../item-keys.ts';
import { fromItem, type Store, toItem } from '../store.ts';
import { DIRECTORY } from './tenant-writes.ts';

/** A page of all tenants, oldest first. `after` is the directory_sort of the last one before. */
export async function listTenants(
  store: Store,
  page: { after?: { sort: string; tenantId: string }; limit: number },
): Promise<{ tenants: TenantRecord[]; more: boolean }> {
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.tenants,
      IndexName: 'directory',
      Limit: page.limit,
      KeyConditionExpression: '#directory = :directory',
      ExpressionAttributeNames: { '#directory': 'directory' },
      ExpressionAttributeValues: toItem({ ':directory': DIRECTORY }),
      ...(page.after === undefined
        ? {}
        : {
            ExclusiveStartKey: toItem({
              ...tenantKey(page.after.tenantId),
              directory: DIRECTORY,
              directory_sort: page.after.sort,
            }),
          }),
    }),
  );
  return {
    tenants: (answer.Items ?? []).map((item) => fromItem(TenantRecord, item)),
    more: answer.LastEvaluatedKey !== undefined,
  };
}
