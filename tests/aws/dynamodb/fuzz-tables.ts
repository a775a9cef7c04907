import {
  CreateTableCommand,
  type CreateTableCommandInput,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';

/** A fuzzed table: what the generator needs to know to make keys and queries. */
export type FuzzTable = {
  readonly name: string;
  readonly hash: { readonly name: string; readonly type: 'S' | 'N' };
  readonly range?: { readonly name: string; readonly type: 'S' | 'N' };
  readonly indexes: readonly FuzzIndex[];
};
export type FuzzIndex = {
  readonly name: string;
  readonly hash: { readonly name: string; readonly type: 'S' | 'N' };
  readonly range?: { readonly name: string; readonly type: 'S' | 'N' };
  readonly projection: { ProjectionType: 'ALL' | 'KEYS_ONLY' | 'INCLUDE'; NonKeyAttributes?: string[] };
};

const S = (name: string) => ({ name, type: 'S' as const });
const N = (name: string) => ({ name, type: 'N' as const });

export const FUZZ_TABLES: readonly FuzzTable[] = [
  {
    name: 'fuzz-text',
    hash: S('pk'),
    range: S('sk'),
    indexes: [
      { name: 'by-group', hash: S('g'), range: N('n'), projection: { ProjectionType: 'ALL' } },
      { name: 'by-group-keys', hash: S('g'), range: S('sk'), projection: { ProjectionType: 'KEYS_ONLY' } },
      {
        name: 'by-number',
        hash: N('n'),
        projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['a', 'm'] },
      },
    ],
  },
  { name: 'fuzz-number', hash: S('pk'), range: N('sk'), indexes: [] },
  {
    name: 'fuzz-hash',
    hash: N('pk'),
    indexes: [{ name: 'by-group', hash: S('g'), projection: { ProjectionType: 'ALL' } }],
  },
];

type Keyed = Pick<FuzzTable, 'hash' | 'range'>;

/** Creates every fuzzed table. */
export async function createFuzzTables(client: DynamoDBClient): Promise<void> {
  for (const table of FUZZ_TABLES) await client.send(new CreateTableCommand(createInput(table)));
}

function createInput(table: FuzzTable): CreateTableCommandInput {
  const attributes = new Map(
    [table, ...table.indexes]
      .flatMap(({ hash, range }: Keyed) => (range ? [hash, range] : [hash]))
      .map((key) => [key.name, key.type]),
  );
  return {
    TableName: table.name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [...attributes].map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    KeySchema: keySchema(table),
    ...(table.indexes.length > 0 && {
      GlobalSecondaryIndexes: table.indexes.map((index) => ({
        IndexName: index.name,
        KeySchema: keySchema(index),
        Projection: index.projection,
      })),
    }),
  };
}

const keySchema = ({ hash, range }: Keyed) => [
  { AttributeName: hash.name, KeyType: 'HASH' as const },
  ...(range ? [{ AttributeName: range.name, KeyType: 'RANGE' as const }] : []),
];
