import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import type { Fault, FaultRule } from '../../../local/aws/faults.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import { errorName } from '../contract.ts';
import { bodies, createQueue } from '../sqs/queue.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const aws = await startLocalAws({ faults: true });
const config = { ...aws.clientConfig, maxAttempts: 1 };
const dynamodb = new DynamoDBClient(config);
const sqs = new SQSClient(config);
const s3 = new S3Client(config);
const secrets = new SecretsManagerClient(config);
await dynamodb.send(
  new CreateTableCommand({
    TableName: 'table',
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
  }),
);
await s3.send(new CreateBucketCommand({ Bucket: 'bucket' }));

afterEach(() => aws.faults.clear());
afterAll(async () => {
  await aws.stop();
});

let made = 0;
const fresh = (): string => `item-${++made}`;
const put = (pk: string): Promise<unknown> =>
  dynamodb.send(new PutItemCommand({ TableName: 'table', Item: { pk: { S: pk } } }));
const stored = async (pk: string): Promise<boolean> => {
  const key = { pk: { S: pk } };
  return (
    (await dynamodb.send(new GetItemCommand({ TableName: 'table', Key: key, ConsistentRead: true }))).Item !==
    undefined
  );
};
const onPut = (fault: Fault, more: Partial<FaultRule> = {}): Promise<void> =>
  aws.faults.set([{ service: 'dynamodb', operation: 'PutItem', fault, ...more }]);

describe('a fault on a write', () => {
  const cases: readonly { fault: Fault; error: string; committed: boolean }[] = [
    { fault: { kind: 'throttle' }, error: 'ThrottlingException', committed: false },
    {
      fault: { kind: 'error_before', status: 500, code: 'InternalServerError' },
      error: 'InternalServerError',
      committed: false,
    },
    {
      fault: { kind: 'error_after', status: 500, code: 'InternalServerError' },
      error: 'InternalServerError',
      committed: true,
    },
    { fault: { kind: 'drop_request' }, error: 'TimeoutError', committed: false },
    { fault: { kind: 'drop_reply' }, error: 'TimeoutError', committed: true },
    { fault: { kind: 'hang', ms: 50 }, error: 'TimeoutError', committed: false },
    { fault: { kind: 'outage' }, error: 'ServiceUnavailable', committed: false },
  ];
  test.each(cases)('$fault.kind: the client sees $error, committed: $committed', async (expected) => {
    const pk = fresh();
    await onPut(expected.fault);
    expect(await errorName(put(pk))).toBe(expected.error);
    expect(await stored(pk)).toBe(expected.committed);
  });
  test('delay: the write succeeds, later', async () => {
    await onPut({ kind: 'delay', ms: 200 });
    const started = performance.now();
    await put(fresh());
    expect(performance.now() - started).toBeGreaterThan(190);
  });
  test('the SDK’s own retries get past faults that end', async () => {
    const patient = new DynamoDBClient({ ...config, maxAttempts: 4 });
    await onPut({ kind: 'drop_reply' }, { times: 2 });
    const pk = fresh();
    await patient.send(new PutItemCommand({ TableName: 'table', Item: { pk: { S: pk } } }));
    expect((await aws.faults.list())[0]?.hits).toBe(2);
    patient.destroy();
  });
});

describe('a fault on DynamoDB', () => {
  test('conflict: the transaction is cancelled, each item with TransactionConflict', async () => {
    await aws.faults.set([{ service: 'dynamodb', fault: { kind: 'conflict' } }]);
    const pk = fresh();
    const items = [pk, fresh()].map((key) => ({ Put: { TableName: 'table', Item: { pk: { S: key } } } }));
    const sent = dynamodb.send(new TransactWriteItemsCommand({ TransactItems: items }));
    const error: { name?: string; CancellationReasons?: { Code?: string }[] } = await sent.then(
      () => ({}),
      (cause: Error) => cause,
    );
    expect(error.name).toBe('TransactionCanceledException');
    expect(error.CancellationReasons?.map(({ Code }) => Code)).toEqual([
      'TransactionConflict',
      'TransactionConflict',
    ]);
    expect(await stored(pk)).toBe(false);
  });
  test('unprocessed: part of a batch is written, the rest comes back', async () => {
    await aws.faults.set([{ service: 'dynamodb', fault: { kind: 'unprocessed' } }]);
    const keys = [fresh(), fresh(), fresh()];
    const { UnprocessedItems } = await dynamodb.send(
      new BatchWriteItemCommand({
        RequestItems: { table: keys.map((pk) => ({ PutRequest: { Item: { pk: { S: pk } } } })) },
      }),
    );
    const back = UnprocessedItems?.['table']?.map(({ PutRequest }) => PutRequest?.Item?.['pk']?.S);
    expect(back).toEqual(keys.slice(1));
    expect(await Promise.all(keys.map(stored))).toEqual([true, false, false]);
  });
});

describe('a fault on SQS', () => {
  const onSqs = (fault: Fault): Promise<void> => aws.faults.set([{ service: 'sqs', fault }]);

  test('duplicate_delivery of a send: one message id, delivered several times', async () => {
    const queue = await createQueue(sqs, fresh());
    await onSqs({ kind: 'duplicate_delivery', copies: 3 });
    const id = await queue.send('x');
    await aws.faults.clear();
    const received = await queue.receive({ MaxNumberOfMessages: 10 });
    expect(received.map(({ MessageId }) => MessageId)).toEqual([id, id, id]);
  });
  test('duplicate_delivery of a receive: another consumer gets the message too', async () => {
    const queue = await createQueue(sqs, fresh());
    const id = await queue.send('x');
    await onSqs({ kind: 'duplicate_delivery', copies: 2 });
    const [first] = await queue.receive();
    await aws.faults.clear();
    const [second] = await queue.receive();
    expect([first?.MessageId, second?.MessageId]).toEqual([id, id]);
  });
  test('late_delivery: the message comes later', async () => {
    const queue = await createQueue(sqs, fresh());
    await onSqs({ kind: 'late_delivery', ms: 5_000 });
    await queue.send('x');
    expect(await queue.receive()).toEqual([]);
    expect(bodies(await queue.receive({ WaitTimeSeconds: 20 }))).toEqual(['x']);
  });
  test('lost_message: acknowledged, and gone', async () => {
    const queue = await createQueue(sqs, fresh());
    await onSqs({ kind: 'lost_message' });
    expect(await queue.send('x')).not.toBe('');
    expect(await queue.receive({ WaitTimeSeconds: 1 })).toEqual([]);
  });
  test('throttle is RequestThrottled', async () => {
    const queue = await createQueue(sqs, fresh());
    await onSqs({ kind: 'throttle' });
    expect(await errorName(queue.send('x'))).toBe('RequestThrottled');
  });
});

describe('a fault on S3 and Secrets Manager', () => {
  const object = { Bucket: 'bucket', Key: 'k' };
  test('throttle is SlowDown', async () => {
    await aws.faults.set([{ service: 's3', operation: 'PutObject', fault: { kind: 'throttle' } }]);
    expect(await errorName(s3.send(new PutObjectCommand({ ...object, Body: 'x' })))).toBe('SlowDown');
    expect(await errorName(s3.send(new HeadObjectCommand(object)))).toBe('NotFound');
  });
  test('drop_reply: the object is there', async () => {
    await aws.faults.set([{ service: 's3', fault: { kind: 'drop_reply' }, times: 1 }]);
    await errorName(s3.send(new PutObjectCommand({ ...object, Body: 'hello' })));
    expect((await s3.send(new HeadObjectCommand(object))).ContentLength).toBe(5);
  });
  test('error_before on one secret leaves the others alone', async () => {
    const fault: Fault = { kind: 'error_before', status: 500, code: 'InternalServiceError' };
    await aws.faults.set([{ service: 'secretsmanager', match: 'unlucky', fault }]);
    const create = (Name: string): Promise<unknown> =>
      secrets.send(new CreateSecretCommand({ Name, SecretString: 'x' }));
    expect(await errorName(create('unlucky'))).toBe('InternalServiceError');
    await create('lucky');
  });
});

describe('a rule', () => {
  test('strikes the same calls for the same seed', async () => {
    const strikes = async (seed: number): Promise<boolean[]> => {
      await onPut({ kind: 'throttle' }, { probability: 0.5, seed });
      const outcomes: boolean[] = [];
      for (let call = 0; call < 20; call += 1)
        outcomes.push(
          await put('same').then(
            () => true,
            () => false,
          ),
        );
      return outcomes;
    };
    const first = await strikes(7);
    expect(await strikes(7)).toEqual(first);
    expect(await strikes(8)).not.toEqual(first);
    expect(new Set(first).size).toBe(2);
  });
  test('skips calls first and strikes at most so often', async () => {
    await onPut({ kind: 'throttle' }, { skip: 1, times: 2 });
    const outcomes: boolean[] = [];
    for (let call = 0; call < 5; call += 1)
      outcomes.push(
        await put('same').then(
          () => true,
          () => false,
        ),
      );
    expect(outcomes).toEqual([true, false, false, true, true]);
    expect(await aws.faults.list()).toMatchObject([{ seen: 5, hits: 2 }]);
  });
  test('that is not one is refused', async () => {
    const response = await fetch(`${aws.endpoint}/_outpost/faults`, {
      method: 'POST',
      body: JSON.stringify({ rules: [{ service: 'sqs', fault: { kind: 'hang' } }] }),
    });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('rules[0]')]);
  });
});

test('calls are recorded with their operation and what they touch', async () => {
  await aws.calls.start();
  const pk = fresh();
  await put(pk);
  await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'tenant/job/1', Body: 'x' }));
  await createQueue(sqs, 'recorded');
  const calls = await aws.calls.stop();
  await put(pk);
  expect(
    (await aws.calls.read()).map(({ service, operation, resources, status }) => [
      service,
      operation,
      resources,
      status,
    ]),
  ).toEqual([
    ['dynamodb', 'PutItem', ['table'], 200],
    ['s3', 'PutObject', ['bucket/tenant'], 200],
    ['sqs', 'CreateQueue', ['recorded'], 200],
    ['sqs', 'GetQueueAttributes', ['recorded'], 200],
  ]);
  expect(calls.every(({ request_bytes }) => request_bytes > 0)).toBe(true);
});

test('time jumps at once for those who wait for a message and for those who read the Date header', async () => {
  const queue = await createQueue(sqs, 'later');
  await queue.send('late', { DelaySeconds: 600 });
  const waiting = queue.receive({ WaitTimeSeconds: 20 });
  await aws.advance(600_000);
  expect(bodies(await waiting)).toEqual(['late']);
  const { headers } = await fetch(`${aws.endpoint}/`);
  expect(Date.parse(headers.get('date') ?? '') - Date.now()).toBeGreaterThan(590_000);
});
