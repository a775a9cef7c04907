import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { type Item, type Store, toItem } from '../store.ts';
import { DIRECTORIES } from './tenant-writes.ts';

/** The ids of all tenants, deleted ones included. */
export async function* allTenantIds(store: Store): AsyncGenerator<string> {
  for (const directory of DIRECTORIES) {
    let start: Item | undefined;
    do {
      const answer = await store.client.send(
        new QueryCommand({
          TableName: store.tables.tenants,
          IndexName: 'directory',
          KeyConditionExpression: '#directory = :directory',
          ExpressionAttributeNames: { '#directory': 'directory', '#id': 'id' },
          ExpressionAttributeValues: toItem({ ':directory': directory }),
          ProjectionExpression: '#id',
          ...(start === undefined ? {} : { ExclusiveStartKey: start }),
        }),
      );
      for (const item of answer.Items ?? []) {
        const id = item['id']?.S;
        if (id !== undefined) yield id;
      }
      start = answer.LastEvaluatedKey;
    } while (start !== undefined);
  }
}
