import { BatchWriteItemCommand } from '@aws-sdk/client-dynamodb';
import { type Store, toItem } from '../../shared/store/store.ts';
import type { TableId } from '../../shared/tables.ts';

/** DynamoDB's limit. */
const BATCH = 25;
const WRITERS = 4;

/** Stores items as they are, in batches by a few writers at once. Throws Error where some were not written. */
export async function batchPut(store: Store, table: TableId, items: Iterable<object>): Promise<void> {
  const source = items[Symbol.iterator]();
  const name = store.tables[table];
  const writer = async (): Promise<void> => {
    for (let batch = take(source); batch.length > 0; batch = take(source)) {
      const requests = batch.map((item) => ({ PutRequest: { Item: toItem(item) } }));
      const { UnprocessedItems = {} } = await store.client.send(
        new BatchWriteItemCommand({ RequestItems: { [name]: requests } }),
      );
      if (Object.keys(UnprocessedItems).length > 0) throw new Error(`${name} took only part of a batch`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

function take(source: Iterator<object>): object[] {
  const batch: object[] = [];
  while (batch.length < BATCH) {
    const next = source.next();
    if (next.done === true) break;
    batch.push(next.value);
  }
  return batch;
}
