import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { bucketName } from './buckets.ts';
import { type AdjustableClock, createClock } from './clock.ts';
import type { Env, VariableName } from './env.ts';
import type { OutputStore } from './output/chunks.ts';
import type { Queues } from './queue/queues.ts';
import { type QueueId, QUEUES, queueName } from './queues.ts';
import type { Secrets } from './secrets/secrets.ts';
import type { Store } from './store/store.ts';
import { type TableId, tableName, TABLES } from './tables.ts';

/** What every process that talks to AWS must be told, and what it may be. */
export const AWS_VARIABLES = [
  'OUTPOST_ENV',
  'OUTPOST_QUEUE_BASE_URL',
  'AWS_REGION',
  'OUTPOST_AUDIT_RETENTION_DAYS',
] as const satisfies VariableName[];
export const AWS_OPTIONAL_VARIABLES = [
  'AWS_ENDPOINT_URL',
  'OUTPOST_BUCKET_SUFFIX',
] as const satisfies VariableName[];

export type AwsEnv = Env<(typeof AWS_VARIABLES)[number], (typeof AWS_OPTIONAL_VARIABLES)[number]>;

/** The clients and names of one process. */
export type Aws = {
  readonly clock: AdjustableClock;
  readonly store: Store;
  readonly queues: Queues;
  readonly secrets: Secrets;
  readonly outputs: OutputStore;
};

const MAX_ATTEMPTS = 5;

const CONNECTION_TIMEOUT_MS = 2_000;
/** Of one client. The SDK counts the wait for a free one as connecting, so a burst must never use them all. */
const MAX_SOCKETS = 1_024;
/** Until the answer begins. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A long poll of SQS is answered after 20 s. */
const SQS_REQUEST_TIMEOUT_MS = 25_000;
/** An object's upload is part of its request. */
const S3_REQUEST_TIMEOUT_MS = 60_000;

/** One hanging request must never hold up what waits for it; it is tried again like any failed one. */
const clientConfig = (
  env: Pick<AwsEnv, 'AWS_REGION' | 'AWS_ENDPOINT_URL'>,
  requestTimeout = REQUEST_TIMEOUT_MS,
) => ({
  region: env.AWS_REGION,
  maxAttempts: MAX_ATTEMPTS,
  requestHandler: {
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout,
    throwOnRequestTimeout: true,
    httpAgent: { maxSockets: MAX_SOCKETS },
    httpsAgent: { maxSockets: MAX_SOCKETS },
  },
  ...(env.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: env.AWS_ENDPOINT_URL }),
});

/** The SDK's own logger copies every input and output before it logs nothing. */
function withoutLogger<C extends { readonly middlewareStack: { remove(name: string): boolean } }>(
  client: C,
): C {
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}

/**
 * The tables and the secrets, with a clock that follows the Date header of DynamoDB's answers. The endpoint
 * comes from AWS_ENDPOINT_URL; nothing here or below knows whether that is AWS.
 */
export function createStore(
  env: Omit<AwsEnv, 'OUTPOST_QUEUE_BASE_URL'>,
): Pick<Aws, 'clock' | 'store' | 'secrets'> {
  const clock = createClock();
  const client = withoutLogger(new DynamoDBClient(clientConfig(env)));
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = clock.monotonic();
      const result = await next(args);
      const date = dateHeader(result.response);
      if (date !== undefined) clock.observe(date, clock.monotonic() - sent);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'followAwsClock' },
  );
  const tables = mapKeys(TABLES, (id: TableId) => tableName(id, env.OUTPOST_ENV));
  return {
    clock,
    store: { client, tables, clock, auditRetentionDays: env.OUTPOST_AUDIT_RETENTION_DAYS },
    secrets: { client: new SecretsManagerClient(clientConfig(env)), environment: env.OUTPOST_ENV },
  };
}

/** Builds the AWS clients of a process, once. */
export function createAws(env: AwsEnv): Aws {
  const url = (id: QueueId): string => `${env.OUTPOST_QUEUE_BASE_URL}/${queueName(id, env.OUTPOST_ENV)}`;
  return {
    ...createStore(env),
    queues: {
      client: withoutLogger(new SQSClient(clientConfig(env, SQS_REQUEST_TIMEOUT_MS))),
      urls: mapKeys(QUEUES, url),
    },
    outputs: {
      s3: new S3Client({
        ...clientConfig(env, S3_REQUEST_TIMEOUT_MS),
        forcePathStyle: env.AWS_ENDPOINT_URL !== undefined,
      }),
      bucket: bucketName('output', env.OUTPOST_ENV, env.OUTPOST_BUCKET_SUFFIX),
    },
  };
}

function dateHeader(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== 'object' || headers === null || !('date' in headers)) return undefined;
  return typeof headers.date === 'string' ? headers.date : undefined;
}

function mapKeys<K extends string>(
  source: Readonly<Record<K, unknown>>,
  value: (key: K) => string,
): Record<K, string> {
  return Object.fromEntries(Object.keys(source).map((key) => [key, value(key as K)])) as Record<K, string>;
}
