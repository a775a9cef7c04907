import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createApiDeps, readApiEnv } from '../../api/deps.ts';
import { sweep } from '../../api/operations/sweep.ts';
import type { Aws } from '../../shared/deps.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { TENANT_TRANSITIONS, type TenantStatus } from '../../shared/model/tenant.ts';
import { describeProviderSecret } from '../../shared/secrets/provider-secret-store.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { deleteTenantWrites } from '../../shared/store/tenants/delete-tenant-writes.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { transact } from '../../shared/store/transact.ts';
import type { LocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { expectProblem } from './problems.ts';
import { createWorld, type World } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let local: LocalAws;
let aws: Aws;
let api: TestApi;
let operator: TestTenant;

beforeAll(async () => {
  ({ local, aws, api } = await sharedOutpost());
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
  async function aTenantAtWork(): Promise<World & { running: string }> {
    const world = await createWorld(api, aws);
    const answer = await api.request('POST', '/jobs', {
      key: world.apiKey,
      body: { agent: 'codex', command: 'x', workspace: 'second' },
    });
    const { job_id: running } = await answer.json();
    const request = { tenantId: world.tenantId, jobId: running, workerId: 'w', leaseSeconds: 60 };
    expect((await claimJob(aws.store, request)).kind).toBe('claimed');
    return { ...world, running };
  }

  async function expectWiped(world: World & { running: string }): Promise<void> {
    const { tenantId } = world;
    expect(await getTenant(aws.store, tenantId)).toMatchObject({ status: 'deleted', active_keys: [] });
    expect(await getJob(aws.store, tenantId, world.params.job_id)).toMatchObject({
      status: 'cancelled',
      failure: { code: 'tenant_deleted' },
    });
    const running = await getJob(aws.store, tenantId, world.running);
    expect(running?.status).toBe('running');
    expect(running?.cancel_requested_at).not.toBeNull();
    const secret = await describeProviderSecret(aws.secrets, tenantId, 'openai');
    expect(secret?.status).toBe('scheduled_for_deletion');
    const read = await asOperator('GET', `/tenants/${tenantId}`);
    await expectProblem(read, 404, 'not_found');
  }

  test('revokes keys, cancels and stops jobs and schedules secrets for deletion', async () => {
    const world = await aTenantAtWork();
    const answer = await asOperator('DELETE', `/tenants/${world.tenantId}`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: world.tenantId, status: 'deleted' });
    await expectWiped(world);
    await expectProblem(await api.request('GET', '/jobs', { key: world.apiKey }), 401, 'unauthenticated');
    expect((await asOperator('DELETE', `/tenants/${world.tenantId}`)).status).toBe(200);
  });

  test('goes on after it died half-way: by the sweeper', async () => {
    const world = await aTenantAtWork();
    const before = await getTenant(aws.store, world.tenantId);
    if (before === undefined) throw new Error('no such tenant');
    const now = new Date(aws.clock.now()).toISOString();
    // All that a process has done that died right after its transaction.
    const after = { ...before, status: 'deleted' as const, active_keys: [], deleted_at: now };
    await transact(aws.store, deleteTenantWrites(before, after));
    awsOf(local); // Another file may have set the credentials of an AWS of its own.
    const env = readApiEnv(outpostEnv(local));
    const deps = await createApiDeps(env, { write: () => undefined, streaming: false });
    await sweep(deps);
    await expectWiped(world);
  });

  test('is the operator’s alone', async () => {
    const tenant = await createTestTenant(aws.store);
    const answer = await api.request('DELETE', `/tenants/${tenant.tenantId}`, { key: tenant.apiKey });
    await expectProblem(answer, 403, 'forbidden');
    expect((await getTenant(aws.store, tenant.tenantId))?.status).toBe('active');
  });
});

test('the operator’s own tenant cannot be deleted', async () => {
  const own = await createTestTenant(aws.store, { scopes: ['admin'] });
  const answer = await api.request('DELETE', `/tenants/${own.tenantId}`, { key: own.apiKey });
  await expectProblem(answer, 403, 'forbidden');
});
