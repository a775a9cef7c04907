import { CreateTableCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  CreateSecretCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { startLocalAws, type LocalAws } from '../../harness/local-aws.ts';
import { createQueue } from '../sqs/queue.ts';

const MAIN = join(import.meta.dir, '../../../local/aws/main.ts');
const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

// Each test starts processes, on a machine that others use too.
setDefaultTimeout(TEST_TIMEOUT_MS);

const cleanups: (() => void | Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'outpost-aws-'));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function start(options: Parameters<typeof startLocalAws>[0]): Promise<LocalAws> {
  const aws = await startLocalAws(options);
  cleanups.push(() => aws.stop());
  return aws;
}

/** Runs main.ts to its end and answers how it ended. */
async function run(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; stderr: string }> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const stderr = await new Response(child.stderr).text();
  return { code: await child.exited, stderr };
}

describe('starting', () => {
  test('on a taken port is one line with the remedy and exit 1', async () => {
    const taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() });
    cleanups.push(() => taken.stop(true));
    const ended = await run({ AWS_PORT: String(taken.port), OUTPOST_DATA_DIR: folder() });
    expect(ended.code).toBe(1);
    expect(ended.stderr.trim().split('\n')).toEqual([expect.stringContaining('AWS_PORT')]);
  });
  test('on a data folder in use is one line with the remedy and exit 1', async () => {
    const dataDir = folder();
    await start({ dataDir });
    const ended = await run({ AWS_PORT: '0', OUTPOST_DATA_DIR: dataDir });
    expect(ended.code).toBe(1);
    expect(ended.stderr.trim().split('\n')).toEqual([expect.stringContaining('OUTPOST_DATA_DIR')]);
  });
  test('keeps the key pair for the owner alone, and the same one every time', async () => {
    const dataDir = folder();
    const first = await startLocalAws({ dataDir });
    expect(await first.stop()).toBe(0);
    const second = await start({ dataDir });
    expect(second.credentials).toEqual(first.credentials);
    expect(statSync(join(dataDir, 'aws/credentials.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, 'aws')).mode & 0o777).toBe(0o700);
  });
  test('with Outpost’s names twice leaves what is there', async () => {
    const dataDir = folder();
    const put = (aws: LocalAws): Promise<unknown> =>
      new S3Client(aws.clientConfig).send(
        new PutObjectCommand({ Bucket: 'outpost-output-local', Key: 'k', Body: 'x' }),
      );
    const first = await startLocalAws({ dataDir, withOutpost: true });
    await put(first);
    await first.stop();
    const second = await start({ dataDir, withOutpost: true });
    const { KeyCount } = await new S3Client(second.clientConfig).send(
      new ListObjectsV2Command({ Bucket: 'outpost-output-local' }),
    );
    expect(KeyCount).toBe(1);
  });
});

describe('stopping', () => {
  test('ends a long poll and exits 0 at once', async () => {
    const aws = await startLocalAws();
    const queue = await createQueue(new SQSClient({ ...aws.clientConfig, maxAttempts: 1 }), 'q');
    const polling = queue.receive({ WaitTimeSeconds: 20 });
    await Bun.sleep(1_500);
    const started = performance.now();
    expect(await aws.stop()).toBe(0);
    expect(performance.now() - started).toBeLessThan(12_000);
    expect(await polling).toEqual([]);
  });
  test('happens by itself when the parent’s pipe closes', async () => {
    const child = Bun.spawn([process.execPath, MAIN, '--until-stdin-closes'], {
      env: { ...process.env, AWS_PORT: '0', OUTPOST_DATA_DIR: folder() },
      stdin: 'pipe',
      stdout: 'ignore',
    });
    cleanups.push(() => child.kill('SIGKILL'));
    await child.stdin.end();
    expect(await child.exited).toBe(0);
  });
});

/** What a writer was told is stored. */
type Acknowledged = { items: string[]; messages: string[]; secrets: string[]; objects: string[] };

describe('what was acknowledged', () => {
  test('outlives SIGKILL at any moment', async () => {
    const dataDir = folder();
    const acknowledged: Acknowledged = { items: [], messages: [], secrets: [], objects: [] };
    let aws = await startLocalAws({ dataDir });
    await prepare(aws);
    for (let round = 0; round < 3 * SCALE; round += 1) {
      const writing = Promise.all([write(aws, round, acknowledged), write(aws, round + 1000, acknowledged)]);
      const { length } = acknowledged.objects;
      while (acknowledged.objects.length === length) await Bun.sleep(10);
      await Bun.sleep(Math.random() * 400);
      await aws.kill();
      await writing;
      aws = await startLocalAws({ dataDir });
    }
    cleanups.push(() => aws.stop());
    const stored = await readBack(aws);
    for (const kind of ['items', 'messages', 'secrets', 'objects'] as const) {
      expect(acknowledged[kind].filter((name) => !stored[kind].has(name))).toEqual([]);
    }
  });
});

function clients(aws: LocalAws) {
  const config = { ...aws.clientConfig, maxAttempts: 1 };
  return {
    dynamodb: new DynamoDBClient(config),
    sqs: new SQSClient(config),
    secrets: new SecretsManagerClient(config),
    s3: new S3Client(config),
  };
}

async function prepare(aws: LocalAws): Promise<void> {
  const { dynamodb, s3 } = clients(aws);
  await s3.send(new CreateBucketCommand({ Bucket: 'bucket' }));
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'table',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
}

/** Writes to all four services, one after the other, until the server is gone. */
async function write(aws: LocalAws, round: number, acknowledged: Acknowledged): Promise<void> {
  const { dynamodb, sqs, secrets, s3 } = clients(aws);
  try {
    const queue = await createQueue(sqs, 'queue');
    for (let n = 0; ; n += 1) {
      const name = `${round}-${n}`;
      await dynamodb.send(new PutItemCommand({ TableName: 'table', Item: { pk: { S: name } } }));
      acknowledged.items.push(name);
      await queue.send(name);
      acknowledged.messages.push(name);
      await secrets.send(new CreateSecretCommand({ Name: name, SecretString: name }));
      acknowledged.secrets.push(name);
      await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: name, Body: name }));
      acknowledged.objects.push(name);
    }
  } catch (cause) {
    // The kill: a refused or a reset connection. Anything else is a failure of the test.
    const gone = cause instanceof Error && (cause.name === 'TimeoutError' || 'code' in cause);
    if (!gone) throw cause;
  }
}

async function readBack(aws: LocalAws): Promise<Record<keyof Acknowledged, Set<string>>> {
  const { dynamodb, sqs, secrets, s3 } = clients(aws);
  const items = new Set<string>();
  let startKey: Record<string, { S: string }> | undefined;
  do {
    const page = await dynamodb.send(new ScanCommand({ TableName: 'table', ExclusiveStartKey: startKey }));
    for (const item of page.Items ?? []) items.add(item['pk']?.S ?? '');
    const last = page.LastEvaluatedKey?.['pk']?.S;
    startKey = last === undefined ? undefined : { pk: { S: last } };
  } while (startKey !== undefined);

  const messages = new Set<string>();
  const queue = await createQueue(sqs, 'queue');
  for (;;) {
    const received = await queue.receive({ MaxNumberOfMessages: 10 });
    if (received.length === 0) break;
    for (const { Body } of received) messages.add(Body ?? '');
  }

  const names = new Set<string>();
  let token: string | undefined;
  do {
    const page = await secrets.send(new ListSecretsCommand({ NextToken: token }));
    for (const { Name } of page.SecretList ?? []) names.add(Name ?? '');
    token = page.NextToken;
  } while (token !== undefined);

  const objects = new Set<string>();
  let more: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: 'bucket', ContinuationToken: more }));
    for (const { Key } of page.Contents ?? []) objects.add(Key ?? '');
    more = page.NextContinuationToken;
  } while (more !== undefined);
  return { items, messages, secrets: names, objects };
}
