import { type } from 'arktype';
import { BUCKETS, bucketName } from '../../shared/buckets.ts';
import { QUEUES, queueName, type Queue, type QueueId } from '../../shared/queues.ts';
import { TABLES, tableName, type KeyAttribute, type Table, type TableId } from '../../shared/tables.ts';
import type { Aws } from './compose.ts';
import { AwsError } from './errors.ts';
import type { JsonService } from './service.ts';

/** The environment whose names one machine uses. */
const ENVIRONMENT = 'local';
const LOCAL_ARN = 'us-east-1:000000000000';

/**
 * Creates Outpost's tables, queues and buckets where they are missing and leaves the rest as it is.
 * Throws AwsError when one exists in another shape.
 */
export async function provisionOutpost(aws: Aws): Promise<void> {
  for (const [id, table] of entries<TableId, Table>(TABLES)) {
    await provisionTable(service(aws, 'DynamoDB_20120810'), tableName(id, ENVIRONMENT), table);
  }
  for (const [id, queue] of deadLettersFirst(entries<QueueId, Queue>(QUEUES))) {
    await provisionQueue(service(aws, 'AmazonSQS'), queueName(id, ENVIRONMENT), queue);
  }
  for (const id of BUCKETS) await provisionBucket(aws, bucketName(id, ENVIRONMENT));
}

function service(aws: Aws, targetPrefix: string): JsonService {
  const found = aws.services.find((each) => each.targetPrefix === targetPrefix);
  if (found === undefined) throw new Error(`local AWS has no service ${targetPrefix}`);
  return found;
}

async function call(
  target: JsonService,
  operation: string,
  input: Record<string, unknown>,
): Promise<unknown> {
  const output: unknown = await target.handle(operation, input, { signal: new AbortController().signal });
  return output;
}

async function provisionTable(dynamodb: JsonService, name: string, table: Table): Promise<void> {
  const keys = [table, ...table.indexes].flatMap(keysOf);
  const attributes = new Map(keys.map((key) => [key.name, key.type]));
  await unlessAlready('ResourceInUseException', () =>
    call(dynamodb, 'CreateTable', {
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [...attributes].map(([AttributeName, AttributeType]) => ({
        AttributeName,
        AttributeType,
      })),
      KeySchema: keySchema(table),
      ...(table.indexes.length === 0
        ? {}
        : {
            GlobalSecondaryIndexes: table.indexes.map((index) => ({
              IndexName: index.name,
              KeySchema: keySchema(index),
              Projection:
                typeof index.projection === 'string'
                  ? { ProjectionType: index.projection }
                  : { ProjectionType: 'INCLUDE', NonKeyAttributes: index.projection },
            })),
          }),
    }),
  );
  const { ttlAttribute } = table;
  if (ttlAttribute === undefined || (await hasTtl(dynamodb, name))) return;
  await call(dynamodb, 'UpdateTimeToLive', {
    TableName: name,
    TimeToLiveSpecification: { AttributeName: ttlAttribute, Enabled: true },
  });
}

const ttlDescription = type({ TimeToLiveDescription: { 'TimeToLiveStatus?': 'string' } });

async function hasTtl(dynamodb: JsonService, table: string): Promise<boolean> {
  const description = ttlDescription.assert(await call(dynamodb, 'DescribeTimeToLive', { TableName: table }));
  return description.TimeToLiveDescription.TimeToLiveStatus?.startsWith('ENABL') ?? false;
}

type Keyed = { readonly partitionKey: KeyAttribute; readonly sortKey?: KeyAttribute };

function keysOf({ partitionKey, sortKey }: Keyed): KeyAttribute[] {
  return sortKey === undefined ? [partitionKey] : [partitionKey, sortKey];
}

function keySchema(keyed: Keyed): { AttributeName: string; KeyType: 'HASH' | 'RANGE' }[] {
  return keysOf(keyed).map(({ name }, index) => ({
    AttributeName: name,
    KeyType: index === 0 ? 'HASH' : 'RANGE',
  }));
}

async function provisionQueue(sqs: JsonService, name: string, queue: Queue): Promise<void> {
  const { deadLetter } = queue;
  const redrive =
    deadLetter === undefined || !isQueueId(deadLetter.queue)
      ? {}
      : {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: `arn:aws:sqs:${LOCAL_ARN}:${queueName(deadLetter.queue, ENVIRONMENT)}`,
            maxReceiveCount: deadLetter.maxReceiveCount,
          }),
        };
  await call(sqs, 'CreateQueue', { QueueName: name });
  await call(sqs, 'SetQueueAttributes', {
    QueueUrl: name,
    Attributes: {
      VisibilityTimeout: String(queue.visibilityTimeoutSeconds),
      MessageRetentionPeriod: String(queue.retentionSeconds),
      ...redrive,
    },
  });
}

const isQueueId = (name: string): name is QueueId => name in QUEUES;

/** A queue can name its dead-letter queue only once that exists. */
function deadLettersFirst(queues: [QueueId, Queue][]): [QueueId, Queue][] {
  return queues.toSorted(
    ([, a], [, b]) => Number(a.deadLetter !== undefined) - Number(b.deadLetter !== undefined),
  );
}

async function provisionBucket({ rest }: Aws, bucket: string): Promise<void> {
  const url = new URL(`http://127.0.0.1/${bucket}`);
  await unlessAlready('BucketAlreadyOwnedByYou', async () =>
    rest.handle(new Request(url, { method: 'PUT' }), url, new Uint8Array()),
  );
}

async function unlessAlready(code: string, create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (cause) {
    if (!(cause instanceof AwsError) || cause.awsCode !== code) throw cause;
  }
}

/** Object.entries, which forgets the type of the keys. */
function entries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  const keys = Object.keys(record) as K[];
  return keys.map((key) => [key, record[key]]);
}
