import { afterAll, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { RotateSecretCommand } from '@aws-sdk/client-secrets-manager';
import type { Aws } from '../../shared/deps.ts';
import { readSecret } from '../../shared/secrets/read-secret.ts';
import { providerKeySecret } from '../../shared/secrets/secrets.ts';
import { freePort } from '../harness/free-port.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import {
  awsOf,
  createTestTenant,
  startApi,
  startFunctions,
  type TestApi,
  type TestTenant,
} from '../harness/outpost.ts';
import type { Child } from '../harness/child.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row S3 with every part real but the provider, which accepts keys that begin with `good`. */
const provider = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request) =>
    new Response(null, { status: request.headers.get('x-api-key')?.startsWith('good') === true ? 200 : 401 }),
});

let local: LocalAws;
let aws: Aws;
let api: TestApi;
let functions: Child;

beforeAll(async () => {
  const port = String(freePort());
  local = await startLocalAws({
    withOutpost: true,
    env: { OUTPOST_LOCAL_FUNCTIONS_URL: `http://127.0.0.1:${port}` },
  });
  aws = awsOf(local);
  const env = {
    OUTPOST_ROTATION_FUNCTION_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:outpost-rotation-local',
    OUTPOST_PROVIDER_TEST_URL: `http://127.0.0.1:${provider.port}`,
  };
  [api, functions] = await Promise.all([
    startApi(local, env),
    startFunctions(local, { ...env, OUTPOST_FUNCTIONS_PORT: port }),
  ]);
});

afterAll(async () => {
  await Promise.all([api.stop(), functions.stop(), provider.stop(true)]);
  await local.stop();
});

const path = (tenant: TestTenant, action = ''): string =>
  `/tenants/${tenant.tenantId}/secrets/anthropic${action}`;
const send = (tenant: TestTenant, method: string, value: string, action = '') =>
  api.request(method, path(tenant, action), { key: tenant.apiKey, body: { value } });
const current = (tenant: TestTenant) =>
  readSecret(aws.secrets, providerKeySecret(tenant.tenantId, 'anthropic'));

/** Waits until the rotation is over and recorded: the entry is the last thing that either end of it writes. */
async function settled(tenant: TestTenant, action: string, times = 1): Promise<Record<string, unknown>> {
  for (;;) {
    const secret = await (await api.request('GET', path(tenant), { key: tenant.apiKey })).json();
    const recorded = (await actions(tenant)).filter((each) => each === action).length;
    if (
      secret.rotation === 'idle' &&
      recorded >= times &&
      (action !== 'secret.rotated' || secret.rotated_at !== null)
    ) {
      return secret;
    }
    await Bun.sleep(50);
  }
}

async function actions(tenant: TestTenant): Promise<string[]> {
  const page = await (await api.request('GET', '/audit?limit=100', { key: tenant.apiKey })).json();
  return page.entries.map(({ action }: { action: string }) => action);
}

test('a new key that the provider accepts becomes current, and the one before is kept', async () => {
  const tenant = await createTestTenant(aws.store);
  expect((await send(tenant, 'PUT', 'good-first-key')).status).toBe(200);
  expect((await send(tenant, 'POST', 'good-second-key', '/rotate')).status).toBe(202);
  const secret = await settled(tenant, 'secret.rotated');
  expect(await current(tenant)).toBe('good-second-key');
  expect(Date.parse(String(secret['rotation_due_at']))).toBeGreaterThan(Date.now());
});

test('a new key that the provider refuses is dropped, and another can be tried', async () => {
  const tenant = await createTestTenant(aws.store);
  await send(tenant, 'PUT', 'good-first-key');
  expect((await send(tenant, 'POST', 'wrong-second-key', '/rotate')).status).toBe(202);
  await settled(tenant, 'secret.rotation_failed');
  expect(await current(tenant)).toBe('good-first-key');
  expect((await send(tenant, 'POST', 'good-third-key', '/rotate')).status).toBe(202);
  await settled(tenant, 'secret.rotated');
  expect(await current(tenant)).toBe('good-third-key');
});

test('a key that is due with none to replace it is reported, stays, and can be rotated after', async () => {
  const tenant = await createTestTenant(aws.store);
  const stored = await (await send(tenant, 'PUT', 'good-first-key')).json();
  expect(Date.parse(stored.rotation_due_at)).toBeGreaterThan(Date.now());
  // What Secrets Manager does by itself when the date has come.
  await aws.secrets.client.send(
    new RotateSecretCommand({ SecretId: providerKeySecret(tenant.tenantId, 'anthropic') }),
  );
  await settled(tenant, 'secret.rotation_due');
  // The line from which CloudWatch makes the metric of the alarm: written after the entry.
  while (!functions.logs().some((line) => line['RotationsDue'] === 1)) await Bun.sleep(50);
  expect(await current(tenant)).toBe('good-first-key');
  expect((await send(tenant, 'POST', 'good-second-key', '/rotate')).status).toBe(202);
  await settled(tenant, 'secret.rotated');
  expect(await current(tenant)).toBe('good-second-key');
});
