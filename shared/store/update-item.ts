import { ConditionalCheckFailedException, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { TableId } from '../tables.ts';
import { type Change, writeExpression } from './expression.ts';
import { type Item, type Store, toItem } from './store.ts';

/**
 * One conditional write of one item. Answers the item as it is now; undefined when the condition did not
 * hold: then nothing was written.
 */
export async function updateItem(
  store: Store,
  table: TableId,
  key: object,
  change: Change,
): Promise<Item | undefined> {
  const { UpdateExpression, ...rest } = writeExpression(change);
  try {
    const answer = await store.client.send(
      new UpdateItemCommand({
        TableName: store.tables[table],
        Key: toItem(key),
        UpdateExpression,
        ...rest,
        ReturnValues: 'ALL_NEW',
      }),
    );
    return answer.Attributes ?? {};
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}
