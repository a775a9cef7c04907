import { type Aws, createAws } from '../../shared/deps.ts';
import { readEnv } from '../../shared/env.ts';
import { randomHex } from '../../shared/ids.ts';
import { type Scope, SCOPES } from '../../shared/model/api-key.ts';
import type { LimitOverrides, Plan, TenantRecord } from '../../shared/model/tenant.ts';
import { newApiKey, putApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import type { Store } from '../../shared/store/store.ts';
import { newTenant, putTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { transact } from '../../shared/store/transact.ts';
import { AWS_OPTIONAL_VARIABLES, AWS_VARIABLES } from '../../shared/deps.ts';
import { type Child, startChild } from './child.ts';
import { checkAnswer } from './contract.ts';
import type { LocalAws } from './local-aws.ts';
import type { Credentials } from '../../local/aws/sigv4.ts';

/** One pepper for all tests: keys made by one test file are known to every process of the run. */
export const TEST_PEPPER = 'test-pepper-test-pepper-test-pepper-test';

/** Where an AWS is, and who may ask it. */
export type AwsAddress = Pick<LocalAws, 'endpoint' | 'credentials'>;

/** The environment of every Outpost process against a local AWS. */
export const outpostEnv = (aws: AwsAddress): Record<string, string> => ({
  OUTPOST_ENV: 'local',
  OUTPOST_PEPPER: TEST_PEPPER,
  OUTPOST_QUEUE_BASE_URL: `${aws.endpoint}/000000000000`,
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL: aws.endpoint,
  AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
});

/** The clients of a test process. */
export function awsOf(local: AwsAddress): Aws {
  // For clients that a test makes itself.
  process.env['AWS_ACCESS_KEY_ID'] = local.credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = local.credentials.secretAccessKey;
  const aws = createAws(readEnv(outpostEnv(local), AWS_VARIABLES, AWS_OPTIONAL_VARIABLES));
  // Left alone, clients read the environment when they first need it, and by then it may be another local AWS's.
  const credentials = (): Promise<Credentials> => Promise.resolve(local.credentials);
  for (const { config } of [aws.store.client, aws.queues.client, aws.secrets.client, aws.outputs.s3]) {
    config.credentials = credentials;
  }
  return aws;
}

export type TestTenant = {
  readonly tenant: TenantRecord;
  readonly tenantId: string;
  readonly apiKey: string;
  readonly keyHash: string;
};

/** A tenant of its own for a test, with one key. Enterprise unless said otherwise: no quota in the way. */
export async function createTestTenant(
  store: Store,
  options: {
    plan?: Plan;
    scopes?: readonly Scope[];
    mode?: 'live' | 'test';
    limits?: LimitOverrides;
    expiresAt?: string;
  } = {},
): Promise<TestTenant> {
  // Random: workers kill by uid, and test runs beside each other on one machine must not meet in one.
  const uid = 2_000_000_000 + Math.floor(Math.random() * 1_000_000);
  const fresh = newTenant(store, {
    name: 'Test',
    email: `t-${randomHex(4)}@example.com`,
    plan: options.plan ?? 'enterprise',
    uid,
  });
  const tenant = { ...fresh, limits: options.limits ?? {} };
  const { apiKey, record } = newApiKey(store, TEST_PEPPER, tenant, {
    name: 'test',
    mode: options.mode ?? 'live',
    scopes: options.scopes ?? SCOPES.filter((scope) => scope !== 'admin'),
    expiresAt: options.expiresAt ?? null,
    requestsPerMinute: 1_000_000,
  });
  const stored = { ...tenant, active_keys: [record.key_hash] };
  await transact(store, [putTenant(stored), putApiKey(record)]);
  return { tenant: stored, tenantId: tenant.id, apiKey, keyHash: record.key_hash };
}

export type TestApi = Child & {
  /**
   * A request with a key; a body is sent as JSON, a string as it is. Throws when the answer is not one that
   * the OpenAPI document allows.
   */
  request(
    method: string,
    path: string,
    options?: { key?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Response>;
  /** fetch of a path, its answer held to the document in the same way: for bodies and signals as they are. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
};

/** tests/runtime/gateway.ts here runs the same tests through API Gateway's events, on the functions of a folder. */
const API_ENTRY = process.env['OUTPOST_TEST_API_ENTRY'] ?? 'api/serve.ts';
const DEPLOYED = process.env['OUTPOST_TEST_DEPLOYED'];

/** The API as a process of its own, over real HTTP. */
export async function startApi(aws: LocalAws, env: Record<string, string> = {}): Promise<TestApi> {
  const deployed = DEPLOYED === undefined ? {} : { OUTPOST_TEST_DEPLOYED: DEPLOYED };
  const child = await startChild(API_ENTRY, { ...outpostEnv(aws), ...deployed, PORT: '0', ...env });
  const checked = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(`${child.endpoint}${path}`, init);
    await checkAnswer(init.method ?? 'GET', path, answer);
    return answer;
  };
  return {
    ...child,
    fetch: checked,
    request: (method, path, options = {}) =>
      checked(path, {
        method,
        redirect: 'manual',
        headers: {
          ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        ...(options.body === undefined
          ? {}
          : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
      }),
  };
}

/** The scheduled and queue-driven functions as a process of their own. */
export const startFunctions = (aws: LocalAws, env: Record<string, string> = {}): Promise<Child> =>
  startChild('api/functions/serve.ts', { ...outpostEnv(aws), ...env });
