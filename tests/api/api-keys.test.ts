import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Aws } from '../../shared/deps.ts';
import { type Scope, SCOPES } from '../../shared/model/api-key.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { apiKeyKey } from '../../shared/store/item-keys.ts';
import { updateItem } from '../../shared/store/update-item.ts';
import { transact } from '../../shared/store/transact.ts';
import { createTestTenant, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { expectProblem } from './problems.ts';
import { anotherKey } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let aws: Aws;
let api: TestApi;

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
});

const keysOf = (tenant: TestTenant): string => `/tenants/${tenant.tenantId}/api-keys`;

const issue = (
  tenant: TestTenant,
  body: object = {},
  headers: Record<string, string> = {},
): Promise<Response> =>
  api.request('POST', keysOf(tenant), { key: tenant.apiKey, body: { name: 'k', ...body }, headers });

const rotate = (tenant: TestTenant, keyId: string, body: object, key = tenant.apiKey): Promise<Response> =>
  api.request('POST', `${keysOf(tenant)}/${keyId}/rotate`, { key, body });

const works = async (key: string): Promise<boolean> =>
  (await api.request('GET', '/jobs', { key })).status === 200;

const list = async (tenant: TestTenant) =>
  (await (await api.request('GET', `${keysOf(tenant)}?limit=100`, { key: tenant.apiKey })).json()).api_keys;

describe('issuing', () => {
  test('shows the key once, and its hash never', async () => {
    const tenant = await createTestTenant(aws.store);
    const answer = await issue(tenant, { scopes: ['jobs:read'] });
    expect(answer.status).toBe(201);
    const { api_key: key, ...rest } = await answer.json();
    expect(key).toMatch(/^op_live_[0-9a-f]{32}$/);
    expect(await works(key)).toBe(true);
    const listed = await list(tenant);
    const found = listed.find(({ key_id: id }: { key_id: string }) => id === rest.key_id);
    expect({ ...found, last_used: null }).toEqual(rest);
    const text = JSON.stringify(listed);
    expect(text).not.toContain(key);
    expect(text).not.toContain('hash');
    expect(text).not.toContain(tenant.keyHash);
  });

  test('is replayed without the key', async () => {
    const tenant = await createTestTenant(aws.store);
    const headers = { 'idempotency-key': 'once' };
    const first = await (await issue(tenant, {}, headers)).json();
    const again = await issue(tenant, {}, headers);
    expect(again.status).toBe(201);
    expect(await again.json()).toEqual({ ...first, api_key: null });
    expect(await list(tenant)).toHaveLength(2);
  });

  test('shows the key to one of many concurrent duplicates', async () => {
    const tenant = await createTestTenant(aws.store);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => issue(tenant, {}, { 'idempotency-key': 'same' })),
    );
    const keys = await Promise.all(answers.map(async (answer) => (await answer.json()).api_key));
    expect(keys.filter((key) => key !== null)).toHaveLength(1);
    expect(await list(tenant)).toHaveLength(2);
  });

  test('grants the caller’s own scopes or fewer: nobody raises theirs', async () => {
    const own: Scope[] = ['tenant:write', 'tenant:read', 'jobs:read'];
    const tenant = await createTestTenant(aws.store, { scopes: own });
    expect((await (await issue(tenant)).json()).scopes.toSorted()).toEqual(own.toSorted());
    for (const scope of SCOPES) {
      const answer = await issue(tenant, { scopes: [scope] });
      if (own.includes(scope)) expect((await answer.json()).scopes).toEqual([scope]);
      else await expectProblem(answer, 403, 'forbidden');
    }
    await expectProblem(await issue(tenant, { scopes: ['jobs:read', 'admin'] }), 403, 'forbidden');
    await expectProblem(await issue(tenant, { scopes: [] }), 400, 'invalid_request');
  });

  test('never gives `admin` to another tenant, nor by default', async () => {
    const operator = await createTestTenant(aws.store, { scopes: ['admin'] });
    const tenant = await createTestTenant(aws.store);
    const send = (path: string, body: object): Promise<Response> =>
      api.request('POST', path, { key: operator.apiKey, body });
    await expectProblem(await send(keysOf(tenant), { name: 'k', scopes: ['admin'] }), 403, 'forbidden');
    expect((await (await send(keysOf(tenant), { name: 'k' })).json()).scopes).not.toContain('admin');
    expect((await (await send(keysOf(operator), { name: 'k' })).json()).scopes).not.toContain('admin');
    expect((await send(keysOf(operator), { name: 'k', scopes: ['admin'] })).status).toBe(201);
  });

  test('lets nobody but the operator set a rate', async () => {
    const tenant = await createTestTenant(aws.store);
    await expectProblem(await issue(tenant, { requests_per_minute: 1_000_000 }), 403, 'forbidden');
    expect((await issue(tenant, { requests_per_minute: null })).status).toBe(201);
  });

  test('gives a key that the operator limited no way to a higher limit', async () => {
    const tenant = await createTestTenant(aws.store);
    const operator = await createTestTenant(aws.store, { scopes: ['admin'] });
    const scopes = ['tenant:write', 'tenant:read', 'jobs:read'];
    const ask = { name: 'slow', scopes, requests_per_minute: 50 };
    const slow = await (
      await api.request('POST', keysOf(tenant), { key: operator.apiKey, body: ask })
    ).json();
    const minted = await api.request('POST', keysOf(tenant), {
      key: slow.api_key,
      body: { name: 'child', requests_per_minute: null },
    });
    expect(await minted.json()).toMatchObject({ requests_per_minute: 50 });
    const fast = await (await issue(tenant, { scopes })).json();
    await expectProblem(await rotate(tenant, fast.key_id, {}, slow.api_key), 403, 'forbidden');
    const rotated = await rotate(tenant, slow.key_id, {}, slow.api_key);
    expect(await rotated.json()).toMatchObject({ requests_per_minute: 50 });
    const byOperator = await rotate(tenant, fast.key_id, {}, operator.apiKey);
    expect(byOperator.status).toBe(201);
  });

  test.each([
    'yesterday',
    '2020-01-01T00:00:00.000Z',
    '2099-02-30T00:00:00.000Z',
    '2099-02-31T00:00:00.000Z',
    '2099-04-31T00:00:00.000Z',
    '2099-01-01T00:00:00Z',
    '2099-01-01',
  ])('refuses an expiry that is past or no time: %s', async (expiresAt) => {
    const tenant = await createTestTenant(aws.store);
    const problem = await expectProblem(
      await issue(tenant, { expires_at: expiresAt }),
      400,
      'invalid_request',
    );
    expect(problem.errors?.[0]?.field).toBe('expires_at');
  });

  test('ends at 50 keys, and goes on after one was revoked', async () => {
    const tenant = await createTestTenant(aws.store);
    for (let count = 1; count < 50; count += 1) expect((await issue(tenant)).status).toBe(201);
    await expectProblem(await issue(tenant), 409, 'key_limit_reached');
    const [, victim] = await list(tenant);
    const path = `${keysOf(tenant)}/${victim.key_id}`;
    await expectProblem(await rotate(tenant, victim.key_id, {}), 409, 'key_limit_reached');
    expect((await api.request('DELETE', path, { key: tenant.apiKey })).status).toBe(200);
    expect((await issue(tenant)).status).toBe(201);
  });

  test('does not count keys that have expired', async () => {
    const tenant = await createTestTenant(aws.store);
    for (let count = 1; count < 50; count += 1) expect((await issue(tenant)).status).toBe(201);
    await expectProblem(await issue(tenant), 409, 'key_limit_reached');
    const full = await getTenant(aws.store, tenant.tenantId);
    const past = new Date(aws.clock.now() - 1).toISOString();
    for (const hash of full?.active_keys.slice(1) ?? []) {
      await updateItem(aws.store, 'tenants', apiKeyKey(hash), { set: { expires_at: past } });
    }
    expect((await issue(tenant)).status).toBe(201);
    expect((await getTenant(aws.store, tenant.tenantId))?.active_keys).toHaveLength(2);
  });
});

describe('revoking', () => {
  test('ends the key at once, and answers the same when repeated', async () => {
    const tenant = await createTestTenant(aws.store);
    const { api_key: key, key_id: id } = await (await issue(tenant, { scopes: ['jobs:read'] })).json();
    expect(await works(key)).toBe(true);
    const revoke = (): Promise<Response> =>
      api.request('DELETE', `${keysOf(tenant)}/${id}`, { key: tenant.apiKey });
    const first = await (await revoke()).json();
    expect(first).toMatchObject({ key_id: id, revoked: true });
    expect(await works(key)).toBe(false);
    expect(await (await revoke()).json()).toEqual(first);
    await expectProblem(await rotate(tenant, id, {}), 409, 'conflict');
  });

  test('lets a key revoke itself', async () => {
    const tenant = await createTestTenant(aws.store);
    const [{ key_id: id }] = await list(tenant);
    const answer = await api.request('DELETE', `${keysOf(tenant)}/${id}`, { key: tenant.apiKey });
    expect(answer.status).toBe(200);
    expect(await works(tenant.apiKey)).toBe(false);
  });
});

describe('rotating', () => {
  /** Two processes measure AWS's time by themselves, to the second. */
  const CLOCKS_DIFFER_MS = 2_000;

  function expectOverlap(expiresAt: string, asked: number, seconds: number): void {
    const ends = Date.parse(expiresAt) - seconds * 1000;
    expect(ends).toBeGreaterThanOrEqual(asked - CLOCKS_DIFFER_MS);
    expect(ends).toBeLessThanOrEqual(aws.clock.now() + CLOCKS_DIFFER_MS);
  }

  test('keeps name and scopes, and the old key works as long as it was asked', async () => {
    const tenant = await createTestTenant(aws.store);
    const old = await (await issue(tenant, { name: 'ci', scopes: ['jobs:read'] })).json();
    const asked = aws.clock.now();
    const answer = await rotate(tenant, old.key_id, { overlap_seconds: 600 });
    expect(answer.status).toBe(201);
    const fresh = await answer.json();
    expect(fresh).toMatchObject({ name: 'ci', scopes: ['jobs:read'], mode: 'live' });
    expect(fresh.key_id).not.toBe(old.key_id);
    expect([await works(old.api_key), await works(fresh.api_key)]).toEqual([true, true]);
    const listed = (await list(tenant)).find(({ key_id: id }: { key_id: string }) => id === old.key_id);
    expectOverlap(listed.expires_at, asked, 600);
  });

  test('overlaps by a day at most', async () => {
    const tenant = await createTestTenant(aws.store);
    const old = await (await issue(tenant, { scopes: ['jobs:read'] })).json();
    for (const wrong of [-1, 86_401, 1.5, '60', null]) {
      const problem = await expectProblem(
        await rotate(tenant, old.key_id, { overlap_seconds: wrong }),
        400,
        'invalid_request',
      );
      expect(problem.errors?.[0]?.field).toBe('overlap_seconds');
    }
    const asked = aws.clock.now();
    expect((await rotate(tenant, old.key_id, { overlap_seconds: 86_400 })).status).toBe(201);
    const listed = (await list(tenant)).find(({ key_id: id }: { key_id: string }) => id === old.key_id);
    expectOverlap(listed.expires_at, asked, 86_400);
  });

  test('without an overlap ends the old key at once', async () => {
    const tenant = await createTestTenant(aws.store);
    const old = await (await issue(tenant, { scopes: ['jobs:read'] })).json();
    expect(await works(old.api_key)).toBe(true);
    const fresh = await (await rotate(tenant, old.key_id, { overlap_seconds: 0 })).json();
    expect([await works(old.api_key), await works(fresh.api_key)]).toEqual([false, true]);
  });

  test('by another process binds mutations at once, though the old key is cached here', async () => {
    const tenant = await createTestTenant(aws.store);
    expect(await works(tenant.apiKey)).toBe(true);
    const record = await getTenant(aws.store, tenant.tenantId);
    if (record === undefined) throw new Error('no such tenant');
    const past = new Date(aws.clock.now() - 1).toISOString();
    await transact(
      aws.store,
      changeTenant(aws.store, record, {}, { hash: tenant.keyHash, set: { expires_at: past } }),
    );
    await expectProblem(await issue(tenant), 403, 'forbidden');
    expect(await works(tenant.apiKey)).toBe(true);
  });

  test('never lengthens the life of a key that expires sooner', async () => {
    const tenant = await createTestTenant(aws.store);
    const soon = new Date(aws.clock.now() + 60_000).toISOString();
    const old = await (await issue(tenant, { scopes: ['jobs:read'], expires_at: soon })).json();
    await rotate(tenant, old.key_id, { overlap_seconds: 86_400 });
    const listed = (await list(tenant)).find(({ key_id: id }: { key_id: string }) => id === old.key_id);
    expect(listed.expires_at).toBe(soon);
  });

  test('is no way to scopes that the caller lacks', async () => {
    const tenant = await createTestTenant(aws.store);
    await anotherKey(aws, tenant.tenantId);
    const strong = (await list(tenant)).find(({ name }: { name: string }) => name === 'another');
    await expectProblem(await rotate(tenant, strong.key_id, {}), 403, 'forbidden');
  });
});
