import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Aws } from '../../shared/deps.ts';
import { readSecret } from '../../shared/secrets/read-secret.ts';
import { providerKeySecret } from '../../shared/secrets/secrets.ts';
import { createTestTenant, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { expectProblem } from './problems.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row S1: provider keys are write-only, replaced, soft-deleted and restored, each tenant's its own. */

let aws: Aws;
let api: TestApi;

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
});

const VALUE = 'sk-planted-secret-0123456789';
const OTHER = 'sk-planted-other-0123456789';

const call = (
  tenant: TestTenant,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Response> =>
  api.request(method, `/tenants/${tenant.tenantId}/secrets${path}`, {
    key: tenant.apiKey,
    headers,
    ...(body === undefined ? {} : { body }),
  });

const stored = (tenant: TestTenant, name = 'openai'): Promise<string | undefined> =>
  readSecret(aws.secrets, providerKeySecret(tenant.tenantId, name));

describe('a provider key', () => {
  test('is stored under its tenant’s name, and never shown', async () => {
    const tenant = await createTestTenant(aws.store);
    const put = await call(tenant, 'PUT', '/openai', { value: VALUE });
    expect(put.status).toBe(200);
    const answers = [put, await call(tenant, 'GET', ''), await call(tenant, 'GET', '/openai')];
    for (const answer of answers) expect(await answer.text()).not.toContain(VALUE);
    expect(await stored(tenant)).toBe(VALUE);
    expect(providerKeySecret(tenant.tenantId, 'openai')).toBe(
      `/outpost/tenants/${tenant.tenantId}/api_keys/openai`,
    );
  });

  test('is replaced', async () => {
    const tenant = await createTestTenant(aws.store);
    await call(tenant, 'PUT', '/openai', { value: VALUE });
    expect((await call(tenant, 'PUT', '/openai', { value: OTHER })).status).toBe(200);
    expect(await stored(tenant)).toBe(OTHER);
    expect((await (await call(tenant, 'GET', '')).json()).secrets).toHaveLength(1);
  });

  test('is deleted softly: gone for jobs, restorable, and restored by a new value, too', async () => {
    const tenant = await createTestTenant(aws.store);
    await call(tenant, 'PUT', '/openai', { value: VALUE });
    const deleted = await (await call(tenant, 'DELETE', '/openai')).json();
    expect(deleted.status).toBe('scheduled_for_deletion');
    const days = (Date.parse(deleted.deletes_at) - aws.clock.now()) / 86_400_000;
    expect(Math.round(days)).toBe(7);
    expect(await stored(tenant)).toBeUndefined();
    expect((await call(tenant, 'DELETE', '/openai')).status).toBe(200);
    const restored = await (await call(tenant, 'POST', '/openai/restore')).json();
    expect(restored).toMatchObject({ status: 'active', deletes_at: null });
    expect(await stored(tenant)).toBe(VALUE);
    await call(tenant, 'DELETE', '/openai');
    expect(await (await call(tenant, 'PUT', '/openai', { value: OTHER })).json()).toMatchObject({
      status: 'active',
    });
    expect(await stored(tenant)).toBe(OTHER);
  });

  test('that is none is 404 to read, delete and restore', async () => {
    const tenant = await createTestTenant(aws.store);
    for (const [method, path] of [
      ['GET', '/xai'],
      ['DELETE', '/xai'],
      ['POST', '/xai/restore'],
    ] as const) {
      await expectProblem(await call(tenant, method, path), 404, 'not_found');
    }
    await expectProblem(await call(tenant, 'GET', '/unknown'), 400, 'invalid_request');
  });

  test('of one tenant is nothing to another', async () => {
    const [one, other] = [await createTestTenant(aws.store), await createTestTenant(aws.store)];
    await call(one, 'PUT', '/openai', { value: VALUE });
    expect((await (await call(other, 'GET', '')).json()).secrets).toEqual([]);
    await call(other, 'PUT', '/openai', { value: OTHER });
    expect([await stored(one), await stored(other)]).toEqual([VALUE, OTHER]);
  });

  test.each(['', 'short', 'has a blank in it', 'x'.repeat(4097), 'newline\nnewline', 'ümläut-ümläut'])(
    'that no header can carry is refused, and not repeated: %j',
    async (value) => {
      const tenant = await createTestTenant(aws.store);
      const secrets = value.length > 8 ? [value] : [];
      const answer = await call(tenant, 'PUT', '/openai', { value });
      await expectProblem(answer, 400, 'invalid_request', secrets);
      expect(await stored(tenant)).toBeUndefined();
    },
  );

  test('is put once for one Idempotency-Key, and another value under it is a conflict', async () => {
    const tenant = await createTestTenant(aws.store);
    const headers = { 'idempotency-key': 'k' };
    await call(tenant, 'PUT', '/openai', { value: VALUE }, headers);
    expect((await call(tenant, 'PUT', '/openai', { value: VALUE }, headers)).status).toBe(200);
    const conflict = await call(tenant, 'PUT', '/openai', { value: OTHER }, headers);
    await expectProblem(conflict, 409, 'idempotency_conflict', [VALUE, OTHER]);
    expect(await stored(tenant)).toBe(VALUE);
  });

  test('is nowhere in what the API logged', async () => {
    expect(api.logs().length).toBeGreaterThan(0);
    const logs = JSON.stringify(api.logs());
    for (const value of [VALUE, OTHER]) expect(logs).not.toContain(value);
  });
});
