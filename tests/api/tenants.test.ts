import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Aws } from '../../shared/deps.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { TENANT_TRANSITIONS, type TenantStatus } from '../../shared/model/tenant.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { createTestTenant, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { expectProblem } from './problems.ts';
import { expectWiped, tenantAtWork } from './tenant-at-work.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let aws: Aws;
let api: TestApi;
let operator: TestTenant;

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
  operator = await createTestTenant(aws.store, { scopes: SCOPES });
});

const asOperator = (method: string, path: string, body?: object): Promise<Response> =>
  api.request(method, path, { key: operator.apiKey, ...(body === undefined ? {} : { body }) });

const patch = (tenant: TestTenant, key: string, body: object): Promise<Response> =>
  api.request('PATCH', `/tenants/${tenant.tenantId}`, { key, body });

describe('POST /tenants', () => {
  test('creates a tenant on the Free plan, active, without keys', async () => {
    const answer = await asOperator('POST', '/tenants', { name: 'Acme', email: 'a@acme.example' });
    expect(answer.status).toBe(201);
    const tenant = await answer.json();
    expect(tenant).toMatchObject({
      name: 'Acme',
      plan: 'free',
      plan_source: 'manual',
      status: 'active',
      limits: {},
    });
    expect(await (await asOperator('GET', `/tenants/${tenant.id}`)).json()).toEqual(tenant);
    expect((await (await asOperator('GET', `/tenants/${tenant.id}/api-keys`)).json()).api_keys).toEqual([]);
    for (const internal of ['uid', 'revision', 'active_keys', 'billing_anchor']) {
      expect(Object.keys(tenant)).not.toContain(internal);
    }
  });

  test('is done once for one Idempotency-Key, and gives each tenant a uid of its own', async () => {
    const create = (key: string): Promise<Response> =>
      api.request('POST', '/tenants', {
        key: operator.apiKey,
        body: { name: 'Twice', email: 't@acme.example' },
        headers: { 'idempotency-key': key },
      });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => create(`create-${operator.tenantId}`)),
    );
    const ids = await Promise.all(answers.map(async (answer) => (await answer.json()).id));
    expect(new Set(ids).size).toBe(1);
    const other = (await (await create('another')).json()).id;
    const uids = await Promise.all([ids[0], other].map(async (id) => (await getTenant(aws.store, id))?.uid));
    expect(new Set(uids).size).toBe(2);
  });

  test('appears in the operator’s list, in pages that neither miss nor repeat', async () => {
    const { id } = await (
      await asOperator('POST', '/tenants', { name: 'L', email: 'l@acme.example' })
    ).json();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const path: string = `/tenants?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const page: { tenants: { id: string }[]; next_cursor: string | null } = await (
        await asOperator('GET', path)
      ).json();
      seen.push(...page.tenants.map((tenant) => tenant.id));
      cursor = page.next_cursor;
    }
    expect(seen).toContain(id);
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('PATCH /tenants/{id}', () => {
  test('lets a tenant change its name and email, and nothing that is the operator’s', async () => {
    const tenant = await createTestTenant(aws.store);
    const changed = await patch(tenant, tenant.apiKey, { name: 'New', email: 'new@acme.example' });
    expect(await changed.json()).toMatchObject({
      name: 'New',
      email: 'new@acme.example',
      plan: 'enterprise',
    });
    for (const wish of [
      { plan: 'enterprise' },
      { plan_source: 'stripe' },
      { status: 'active' },
      { isolation: 'dedicated' },
      { limits: {} },
      { limits: { jobs_per_period: 1_000_000 } },
      { name: 'x', plan: 'free' },
    ]) {
      const problem = await expectProblem(await patch(tenant, tenant.apiKey, wish), 403, 'forbidden');
      expect(problem.errors).toHaveLength(1);
    }
    for (const wish of [{ id: tenant.tenantId }, { uid: 0 }, { active_keys: [] }]) {
      await expectProblem(await patch(tenant, tenant.apiKey, wish), 400, 'invalid_request');
      await expectProblem(await patch(tenant, operator.apiKey, wish), 400, 'invalid_request');
    }
    const after = await getTenant(aws.store, tenant.tenantId);
    expect(after).toMatchObject({ name: 'New', plan: 'enterprise', status: 'active', limits: {} });
  });

  test('binds the operator’s limits at once, on every key', async () => {
    const tenant = await createTestTenant(aws.store);
    const limits = { jobs_per_period: 1, concurrent_jobs: 1 };
    expect((await patch(tenant, operator.apiKey, { limits })).status).toBe(200);
    const submit = (): Promise<Response> =>
      api.request('POST', '/jobs', { key: tenant.apiKey, body: { agent: 'codex', command: 'x' } });
    expect((await submit()).status).toBe(202);
    await expectProblem(await submit(), 402, 'quota_exceeded');
  });

  test('keeps each of many changes that come at once', async () => {
    const tenant = await createTestTenant(aws.store);
    const answers = await Promise.all([
      patch(tenant, operator.apiKey, { name: 'Both' }),
      patch(tenant, operator.apiKey, { email: 'both@acme.example' }),
      patch(tenant, operator.apiKey, { plan: 'pro' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const after = await getTenant(aws.store, tenant.tenantId);
    expect(after).toMatchObject({ name: 'Both', email: 'both@acme.example', plan: 'pro' });
  });

  test.each(Object.entries(TENANT_TRANSITIONS))(
    'follows the table of transitions from %s',
    async (from, allowed) => {
      if (from === 'deleted') return expect(allowed).toEqual([]);
      for (const to of ['active', 'past_due', 'suspended', 'canceled', 'deleted'] as TenantStatus[]) {
        const tenant = await createTestTenant(aws.store);
        if (from !== 'active') await patch(tenant, operator.apiKey, { status: from });
        const answer = await patch(tenant, operator.apiKey, { status: to });
        const fits = to !== 'deleted' && (from === to || allowed.includes(to));
        expect({ from, to, status: answer.status }).toEqual({ from, to, status: fits ? 200 : 400 });
      }
    },
  );
});

describe('DELETE /tenants/{id}', () => {
  test('revokes keys, cancels and stops jobs and schedules secrets for deletion', async () => {
    const world = await tenantAtWork(aws, api);
    const answer = await asOperator('DELETE', `/tenants/${world.tenantId}`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: world.tenantId, status: 'deleted' });
    await expectWiped(aws, world);
    await expectProblem(await asOperator('GET', `/tenants/${world.tenantId}`), 404, 'not_found');
    await expectProblem(await api.request('GET', '/jobs', { key: world.apiKey }), 401, 'unauthenticated');
    expect((await asOperator('DELETE', `/tenants/${world.tenantId}`)).status).toBe(200);
  });

  test('is the operator’s alone', async () => {
    const tenant = await createTestTenant(aws.store);
    const answer = await api.request('DELETE', `/tenants/${tenant.tenantId}`, { key: tenant.apiKey });
    await expectProblem(answer, 403, 'forbidden');
    expect((await getTenant(aws.store, tenant.tenantId))?.status).toBe('active');
  });
});

test('the operator’s own tenant can be neither deleted nor suspended: nobody could undo it', async () => {
  const own = await createTestTenant(aws.store, { scopes: ['admin'] });
  const suspended = await patch(own, own.apiKey, { status: 'suspended' });
  await expectProblem(suspended, 403, 'forbidden');
  expect((await patch(own, own.apiKey, { status: 'past_due' })).status).toBe(200);
  const answer = await api.request('DELETE', `/tenants/${own.tenantId}`, { key: own.apiKey });
  await expectProblem(answer, 403, 'forbidden');
});
