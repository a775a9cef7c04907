import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Route } from '../../api/http/route.ts';
import { ROUTES } from '../../api/routes/table.ts';
import type { Aws } from '../../shared/deps.ts';
import { randomHex } from '../../shared/ids.ts';
import { type Scope, SCOPES } from '../../shared/model/api-key.ts';
import { deleteTenantWrites } from '../../shared/store/tenants/delete-tenant-writes.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { ConditionFailed, transact } from '../../shared/store/transact.ts';
import { createTestTenant, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { comparable, expectProblem } from './problems.ts';
import {
  anotherKey,
  callRoute,
  createWorld,
  neverExisted,
  type PathParams,
  revokeBehindTheCache,
  setStatusBehindTheCache,
  type World,
} from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Rows A1 and A3 over every route, generated from the route table: a new route is held to them by itself. */

let aws: Aws;
let api: TestApi;
/** Everything that a path may name. Nothing below may change it: all calls on it are refused. */
let world: World;
let revoked: TestTenant;
let expired: TestTenant;
let deleted: TestTenant;
/** Was active when its key was cached. */
let suspended: World;
let cachedThenRevoked: World;

const PROTECTED = ROUTES.filter((route) => route.access !== 'public');
const named = (routes: readonly Route[]): [string, Route][] =>
  routes.map((route) => [`${route.method} ${route.path}`, route]);

const HEX = '0123456789abcdef0123456789abcdef';

/** Authorization headers that carry no key of the right form. */
const MALFORMED: readonly string[] = [
  '',
  'Bearer',
  'Bearer ',
  'Basic b3A6bGl2ZQ==',
  HEX,
  `op_live_${HEX}`,
  `Bearer ${HEX}`,
  `Bearer op_live_${HEX.slice(1)}`,
  `Bearer op_live_${HEX}0`,
  `Bearer op_live_${HEX.toUpperCase()}`,
  `Bearer op_prod_${HEX}`,
  `Bearer op_live-${HEX}`,
  `Bearer op_live_${HEX} op_live_${HEX}`,
  `Bearer op_live_${HEX},Bearer op_live_${HEX}`,
  `Bearer "op_live_${HEX}"`,
  `Bearer op_live_${'g'.repeat(32)}`,
  `Bearer ${'a'.repeat(8000)}`,
  `Bearer op_live_${HEX.slice(2)}%00`,
  "Bearer ' OR '1'='1",
];

const without = (scope: Scope): Scope[] => SCOPES.filter((each) => each !== scope && each !== 'admin');

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
  world = await createWorld(api, aws);
  revoked = await createTestTenant(aws.store, { scopes: SCOPES });
  await revokeBehindTheCache(aws, revoked);
  expired = await createTestTenant(aws.store, {
    scopes: SCOPES,
    expiresAt: new Date(aws.clock.now() - 1).toISOString(),
  });
  deleted = await createTestTenant(aws.store, { scopes: SCOPES });
  const now = new Date(aws.clock.now()).toISOString();
  const after = { ...deleted.tenant, status: 'deleted', active_keys: [], deleted_at: now } as const;
  await transact(aws.store, deleteTenantWrites(deleted.tenant, { ...after, active_keys: [] }));
  suspended = await createWorld(api, aws);
  await suspend(aws, suspended);
  cachedThenRevoked = await createWorld(api, aws);
  await revokeBehindTheCache(aws, cachedThenRevoked);
});

test('the table has routes, and every route but health, documentation and Stripe’s webhook asks for a key', () => {
  expect(PROTECTED.length).toBeGreaterThan(15);
  const open = ROUTES.filter((route) => route.access === 'public').map((route) => route.operationId);
  expect(open.toSorted()).toEqual(['docs', 'docsAsset', 'health', 'openApi', 'receiveStripeEvent']);
});

describe.each(named(PROTECTED))('%s', (_, route) => {
  const call = (key: string | undefined, params: PathParams = world.params): Promise<Response> =>
    callRoute(api, route, params, key === undefined ? {} : { key });
  const withHeader = (authorization: string): Promise<Response> =>
    callRoute(api, route, world.params, { headers: { authorization } });

  test('refuses a call without a key', async () => {
    await expectProblem(await call(undefined), 401, 'unauthenticated');
  });

  test('refuses malformed keys, and repeats none of them', async () => {
    for (const header of MALFORMED) {
      const credential = header.split(' ')[1] ?? '';
      const secrets = credential.length >= 8 ? [credential, HEX] : [HEX];
      await expectProblem(await withHeader(header), 401, 'unauthenticated', secrets);
    }
  });

  test.each(['live', 'test'])('refuses an unknown %s key', async (mode) => {
    const key = `op_${mode}_${randomHex(16)}`;
    await expectProblem(await call(key), 401, 'unauthenticated', [key]);
  });

  test('refuses revoked, expired and deleted tenants’ keys alike', async () => {
    const answers = [];
    for (const { apiKey, keyHash } of [revoked, expired, deleted]) {
      answers.push(
        await expectProblem(await call(apiKey), 401, 'unauthenticated', [apiKey, keyHash.slice(0, 16)]),
      );
    }
    const unknown = await expectProblem(await call(`op_live_${randomHex(16)}`), 401, 'unauthenticated');
    for (const each of answers) expect({ ...each, request_id: '' }).toEqual({ ...unknown, request_id: '' });
  });

  const needed = route.access;
  if (needed !== 'public') {
    test(`refuses a key that lacks only ${needed}`, async () => {
      const caller = await createTestTenant(aws.store, { scopes: without(needed) });
      const params = { ...world.params, tenant_id: caller.tenantId };
      await expectProblem(await call(caller.apiKey, params), 403, 'forbidden', [caller.apiKey]);
    });
  }

  if (route.live === true) {
    test('refuses a test key', async () => {
      const caller = await createTestTenant(aws.store, { scopes: SCOPES, mode: 'test' });
      const params = { ...world.params, tenant_id: caller.tenantId };
      const problem = await expectProblem(await call(caller.apiKey, params), 403, 'forbidden', [
        caller.apiKey,
      ]);
      expect(problem.detail).toContain('test key');
    });
  }

  if (route.path.includes(':')) {
    test('answers another tenant’s resource exactly like one that never existed', async () => {
      const stranger = await createTestTenant(aws.store);
      const missing = neverExisted();
      const pairs: [PathParams, PathParams][] = [[world.params, { ...missing, name: world.params.name }]];
      if (route.path.includes(':tenant_id') && route.path.split(':').length > 2) {
        // Their key or secret under one's own tenant.
        const own = { ...world.params, tenant_id: stranger.tenantId };
        pairs.push([own, { ...missing, tenant_id: stranger.tenantId, name: world.params.name }]);
      }
      for (const [foreign, never] of pairs) {
        const [theirs, nobodys] = [await call(stranger.apiKey, foreign), await call(stranger.apiKey, never)];
        if (route.operationId === 'putSecret' && foreign.tenant_id === stranger.tenantId) {
          // A name is a place of one's own to write to: nothing of theirs is told or touched.
          expect([theirs.status, nobodys.status]).toEqual([200, 200]);
          continue;
        }
        expect(theirs.status).toBe(route.access === 'admin' ? 403 : 404);
        const [told, expected] = [await comparable(theirs), await comparable(nobodys)];
        expect(told).toEqual(expected);
        expect([...theirs.headers.keys()]).toEqual([...nobodys.headers.keys()]);
      }
    });
  }

  if (route.mutation === true) {
    const target = (caller: World): PathParams =>
      route.access === 'admin' ? { ...caller.params, tenant_id: world.tenantId } : caller.params;

    test('refuses a suspended tenant, whether its key was cached before or not', async () => {
      const later = await anotherKey(aws, suspended.tenantId);
      await expectProblem(await call(later, target(suspended)), 403, 'forbidden', [later]);
      const cached = await call(suspended.apiKey, target(suspended));
      if (route.operationId === 'submitJob') expect(cached.status).toBe(202);
      else await expectProblem(cached, 403, 'forbidden', [suspended.apiKey]);
    });

    test('refuses a key that was revoked after it was cached', async () => {
      const answer = await call(cachedThenRevoked.apiKey, target(cachedThenRevoked));
      if (route.operationId === 'submitJob') expect(answer.status).toBe(202);
      else await expectProblem(answer, 403, 'forbidden', [cachedThenRevoked.apiKey]);
    });
  }
});

describe('a key that is revoked, or whose tenant is suspended, after it was cached', () => {
  const stop = { revoked: revokeBehindTheCache, suspended: suspend } as const;
  const WHY = { revoked: 'key_revoked', suspended: 'tenant_suspended' } as const;

  test.each(['revoked', 'suspended'] as const)('reads on, but starts no work: %s', async (how) => {
    const caller = await createWorld(api, aws);
    await stop[how](aws, caller);
    const read = await api.request('GET', '/jobs', { key: caller.apiKey });
    expect(read.status).toBe(200);
    const late = await api.request('POST', '/jobs', {
      key: caller.apiKey,
      body: { agent: 'codex', command: 'too late' },
    });
    expect(late.status).toBe(202);
    const { job_id: lateId } = await late.json();
    for (const jobId of [caller.params.job_id, lateId]) {
      const request = { tenantId: caller.tenantId, jobId, workerId: 'w', leaseSeconds: 60 };
      expect((await claimJob(aws.store, request)).kind).toBe('ended_unrun');
      const job = await getJob(aws.store, caller.tenantId, jobId);
      expect(job).toMatchObject({ status: 'cancelled', attempt: 0, failure: { code: WHY[how] } });
    }
  });

  test.each(['revoked', 'suspended'] as const)('mints no key by rotating itself: %s', async (how) => {
    const caller = await createWorld(api, aws);
    const keys = `/tenants/${caller.tenantId}/api-keys`;
    const list = await (await api.request('GET', keys, { key: caller.apiKey })).json();
    const self = list.api_keys.find(({ name }: { name: string }) => name === 'test').key_id;
    await stop[how](aws, caller);
    const rotated = await api.request('POST', `${keys}/${self}/rotate`, { key: caller.apiKey, body: {} });
    expect(rotated.status).toBeOneOf([403, 409]);
    const revocation = await api.request('DELETE', `${keys}/${self}`, { key: caller.apiKey });
    expect(revocation.status).toBe(how === 'suspended' ? 403 : 200);
    const after = await getTenant(aws.store, caller.tenantId);
    expect(after?.active_keys).toHaveLength(how === 'suspended' ? 2 : 1);
  });

  test('never changes anything while it races with its revocation', async () => {
    const rounds = 10 * SCALE;
    for (let round = 0; round < rounds; round += 1) {
      const caller = await createWorld(api, aws);
      const keys = `/tenants/${caller.tenantId}/api-keys`;
      const [minted] = await Promise.all([
        api.request('POST', keys, { key: caller.apiKey, body: { name: 'late', scopes: ['jobs:read'] } }),
        retried(() => revokeBehindTheCache(aws, caller)),
      ]);
      const later = await api.request('POST', keys, { key: caller.apiKey, body: { name: 'later' } });
      expect(minted.status).toBeOneOf([201, 403]);
      expect(later.status).toBeOneOf([403, 401]);
      const tenant = await getTenant(aws.store, caller.tenantId);
      expect(tenant?.active_keys).toHaveLength(minted.status === 201 ? 2 : 1);
    }
  });
});

const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

function suspend(clients: Aws, tenant: TestTenant): Promise<void> {
  return setStatusBehindTheCache(clients, tenant, 'suspended');
}

/** Repeats a change of a tenant that lost against another one. */
async function retried(change: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
    }
  }
}
