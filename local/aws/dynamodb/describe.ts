import { keyAttributes, type Index, type KeySchema, type Table } from './schema.ts';
import type { Store } from './store.ts';

const ARN_PREFIX = 'arn:aws:dynamodb:us-east-1:000000000000:table';

type Status = 'CREATING' | 'UPDATING' | 'DELETING' | 'ACTIVE';

/** A table's ARN in the stand-in's one account and region. */
const tableArn = ({ name }: { readonly name: string }): string => `${ARN_PREFIX}/${name}`;

/**
 * A TableDescription. Counts are current, where AWS refreshes them every six hours.
 * @param status what the table is doing; on a stand-in it is done before the answer, so reads see ACTIVE
 */
export function describeTable(
  store: Store,
  table: Table,
  status: Status = 'ACTIVE',
): Record<string, unknown> {
  const { items, bytes } = store.countTable(table);
  const onDemand = table.billingMode === 'PAY_PER_REQUEST';
  return {
    TableName: table.name,
    TableId: table.uuid,
    TableArn: tableArn(table),
    TableStatus: status,
    CreationDateTime: table.createdAt / 1000,
    AttributeDefinitions: describeAttributes(table),
    KeySchema: describeKeys(table.keys),
    ItemCount: items,
    TableSizeBytes: bytes,
    ProvisionedThroughput: describeThroughput(table),
    DeletionProtectionEnabled: table.deletionProtection,
    ...(onDemand && {
      BillingModeSummary: {
        BillingMode: 'PAY_PER_REQUEST',
        LastUpdateToPayPerRequestDateTime: table.createdAt / 1000,
      },
    }),
    ...(table.encrypted && { SSEDescription: { Status: 'ENABLED', SSEType: 'KMS' } }),
    ...(table.indexes.length > 0 && {
      GlobalSecondaryIndexes: table.indexes.map((index) => describeIndex(table, index)),
    }),
  };
}

function describeAttributes(table: Table): unknown[] {
  const attributes = [table.keys, ...table.indexes.map(({ keys }) => keys)].flatMap(keyAttributes);
  const types = new Map(attributes.map(({ name, type }) => [name, type]));
  return [...types].map(([name, type]) => ({ AttributeName: name, AttributeType: type }));
}

const describeKeys = ({ hash, range }: KeySchema): unknown[] => [
  { AttributeName: hash.name, KeyType: 'HASH' },
  ...(range ? [{ AttributeName: range.name, KeyType: 'RANGE' }] : []),
];

const describeThroughput = ({ throughput }: Table): Record<string, unknown> => ({
  ReadCapacityUnits: throughput.read,
  WriteCapacityUnits: throughput.write,
  NumberOfDecreasesToday: 0,
});

function describeIndex(table: Table, { name, keys, projection }: Index): Record<string, unknown> {
  return {
    IndexName: name,
    IndexArn: `${tableArn(table)}/index/${name}`,
    IndexStatus: 'ACTIVE',
    KeySchema: describeKeys(keys),
    Projection: {
      ProjectionType: projection.type,
      ...(projection.type === 'INCLUDE' && { NonKeyAttributes: projection.attributes }),
    },
    ProvisionedThroughput: describeThroughput(table),
  };
}
