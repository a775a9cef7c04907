import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { type, type Type } from 'arktype';
import type { Clock } from '../clock.ts';
import type { TableId } from '../tables.ts';

/** What every store function works with. The tenant is always a parameter of its own. */
export type Store = {
  readonly client: DynamoDBClient;
  /** Physical table names. */
  readonly tables: Readonly<Record<TableId, string>>;
  readonly clock: Clock;
  readonly auditRetentionDays: number;
};

export type Item = Record<string, AttributeValue>;

/** A plain object as a DynamoDB item; absent and undefined are the same. */
export const toItem = (value: object): Item => marshall(value, { removeUndefinedValues: true });

/** An item that does not match its model: a bug or a foreign writer, never the client's fault. */
class CorruptItem extends Error {
  override readonly name = 'CorruptItem';
}

/** Parses an item on its way out of the store. Throws CorruptItem naming the fields, never their values. */
export function fromItem<S extends Type>(model: S, item: Item): S['infer'] {
  const parsed = model(unmarshall(item));
  if (parsed instanceof type.errors) {
    const problems = [...parsed].map((problem) => `${problem.path.join('.')} must be ${problem.expected}`);
    throw new CorruptItem(`a stored item does not match its model: ${problems.join('; ')}`);
  }
  return parsed;
}

/** One strongly consistent read by primary key. */
export async function getItem(store: Store, table: TableId, key: object): Promise<Item | undefined> {
  const answer = await store.client.send(
    new GetItemCommand({ TableName: store.tables[table], Key: toItem(key), ConsistentRead: true }),
  );
  return answer.Item;
}
