import {
  CreateTableCommand,
  GetItemCommand,
  PutItemCommand,
  type AttributeValue,
  type CreateTableCommandInput,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'bun:test';
import type { BackendName } from './backends.ts';

export type Item = Record<string, AttributeValue>;

/** What one case of the contract works with: a client and a table of its own. */
export type CaseContext = {
  readonly client: DynamoDBClient;
  readonly backend: BackendName;
  /** pk S, sk S; index `by-group`: g S, n N, all attributes; index `sparse`: flag S, keys only. */
  readonly table: string;
  put(item: Item): Promise<void>;
  get(pk: string, sk: string): Promise<Item | undefined>;
  /** Expects an error by its name; where we answer, also by its message. */
  fails(send: Promise<unknown>, name: string, message?: string): Promise<Error>;
};

/** One behaviour of DynamoDB. `unlike` names the known difference of a referee that does not have it. */
export type Case = {
  readonly name: string;
  readonly unlike?: string;
  readonly run: (context: CaseContext) => Promise<void>;
};

export const S = (text: string): AttributeValue => ({ S: text });
export const N = (number: string | number): AttributeValue => ({ N: String(number) });
export const key = (pk: string, sk = 'a'): Item => ({ pk: S(pk), sk: S(sk) });

const attribute = (AttributeName: string, AttributeType: 'S' | 'N') => ({ AttributeName, AttributeType });
const hash = (AttributeName: string) => ({ AttributeName, KeyType: 'HASH' as const });
const range = (AttributeName: string) => ({ AttributeName, KeyType: 'RANGE' as const });

/** The table every case gets. */
export const tableInput = (TableName: string): CreateTableCommandInput => ({
  TableName,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [
    attribute('pk', 'S'),
    attribute('sk', 'S'),
    attribute('g', 'S'),
    attribute('n', 'N'),
    attribute('flag', 'S'),
  ],
  KeySchema: [hash('pk'), range('sk')],
  GlobalSecondaryIndexes: [
    { IndexName: 'by-group', KeySchema: [hash('g'), range('n')], Projection: { ProjectionType: 'ALL' } },
    { IndexName: 'sparse', KeySchema: [hash('flag')], Projection: { ProjectionType: 'KEYS_ONLY' } },
  ],
});

/** A context with a fresh table. */
export async function openCase(
  client: DynamoDBClient,
  backend: BackendName,
  table: string,
): Promise<CaseContext> {
  await client.send(new CreateTableCommand(tableInput(table)));
  return {
    client,
    backend,
    table,
    async put(item) {
      await client.send(new PutItemCommand({ TableName: table, Item: item }));
    },
    async get(pk, sk) {
      const answer = await client.send(new GetItemCommand({ TableName: table, Key: key(pk, sk) }));
      return answer.Item;
    },
    async fails(send, name, message) {
      const outcome = await send.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!(outcome instanceof Error))
        throw new Error(`expected ${name}: ${message}, but the call succeeded`);
      expect(outcome.name).toBe(name);
      if (message !== undefined && backend === 'local') expect(outcome.message).toBe(message);
      return outcome;
    },
  };
}
