import {
  CreateTableCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateTimeToLiveCommand,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocal } from './backends.ts';
import { key, N, S, tableInput } from './case.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-dynamodb-'));
  folders.push(folder);
  return folder;
}

const TableName = 'kept';
const increment = (by: number): TransactWriteItem[] => [
  {
    Update: {
      TableName,
      Key: key('p'),
      UpdateExpression: 'ADD v :by',
      ExpressionAttributeValues: { ':by': N(by) },
    },
  },
];

test('tables, items, indexes and client tokens outlive a restart', async () => {
  const folder = newFolder();
  const token = crypto.randomUUID();
  const once = new TransactWriteItemsCommand({ TransactItems: increment(1), ClientRequestToken: token });
  const first = await startLocal(folder);
  await first.client.send(new CreateTableCommand(tableInput(TableName)));
  await first.client.send(new PutItemCommand({ TableName, Item: { ...key('q'), g: S('g'), n: N(1) } }));
  await first.client.send(once);
  await first.stop();

  const second = await startLocal(folder);
  await second.client.send(once);
  const { Item } = await second.client.send(new GetItemCommand({ TableName, Key: key('p') }));
  expect(Item?.['v']).toEqual(N(1));
  const { Count } = await second.client.send(new ScanCommand({ TableName, IndexName: 'by-group' }));
  expect(Count).toBe(1);
  await second.stop();
});

test('a client token is forgotten after ten minutes', async () => {
  let now = Date.now();
  const { client, stop } = await startLocal(undefined, () => now);
  await client.send(new CreateTableCommand(tableInput(TableName)));
  const token = crypto.randomUUID();
  await client.send(
    new TransactWriteItemsCommand({ TransactItems: increment(1), ClientRequestToken: token }),
  );
  now += 10 * 60_000 + 1;
  await client.send(
    new TransactWriteItemsCommand({ TransactItems: increment(2), ClientRequestToken: token }),
  );
  const { Item } = await client.send(new GetItemCommand({ TableName, Key: key('p') }));
  expect(Item?.['v']).toEqual(N(3));
  await stop();
});

test('expired items are swept, with their index entries, and only they', async () => {
  let now = 1_800_000_000_000;
  const seconds = now / 1000;
  const { client, service, stop } = await startLocal(undefined, () => now);
  await client.send(new CreateTableCommand(tableInput(TableName)));
  const put = (sk: string, ttl?: ReturnType<typeof S>) =>
    client.send(
      new PutItemCommand({ TableName, Item: { ...key('p', sk), g: S('g'), n: N(1), ...(ttl && { ttl }) } }),
    );
  await put('before-ttl-was-on', N(seconds + 5));
  const TimeToLiveSpecification = { Enabled: true, AttributeName: 'ttl' };
  await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
  await put('soon', N(seconds + 10));
  await put('later', N(seconds + 100));
  await put('never');
  await put('not-a-number', S(String(seconds)));
  await put('older-than-five-years', N(seconds - 6 * 365 * 24 * 3600));

  expect(service.sweepExpired()).toBe(0);
  now += 10_000;
  expect(service.sweepExpired()).toBe(2);
  const { Items } = await client.send(
    new QueryCommand({
      TableName,
      IndexName: 'by-group',
      KeyConditionExpression: 'g = :g',
      ExpressionAttributeValues: { ':g': S('g') },
    }),
  );
  expect(Items?.map((item) => item['sk']?.S).toSorted()).toEqual([
    'later',
    'never',
    'not-a-number',
    'older-than-five-years',
  ]);
  await stop();
});

test('an operation that is not implemented is a 400 that names it', async () => {
  const { service, stop } = await startLocal();
  const call = { signal: new AbortController().signal };
  expect(() => service.handle('ExecuteStatement', {}, call)).toThrow(
    'Unsupported operation: ExecuteStatement',
  );
  await stop();
});
