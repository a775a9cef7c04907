import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { RecordedCall } from '../../local/aws/calls.ts';
import type { Route } from '../../api/http/route.ts';
import { ROUTES } from '../../api/routes/table.ts';
import type { Aws } from '../../shared/deps.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, startApi, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { comparable } from '../api/problems.ts';
import { callRoute, createWorld, neverExisted, type PathParams, type World } from '../api/world.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Two tenants who try every route with each other's ids: nothing tells an id of somebody else's from one that
 * never existed, neither the answer nor what it makes AWS do (and with that, how long it takes).
 */
let local: LocalAws;
let aws: Aws;
let api: TestApi;
let worlds: readonly [World, World];

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
  api = await startApi(local);
  worlds = [await createWorld(api, aws), await createWorld(api, aws)];
});
afterAll(async () => {
  await api.stop();
  await local.stop();
});

const NAMED = ROUTES.filter((route) => route.access !== 'public' && route.access !== 'admin')
  .filter((route) => route.path.includes(':'))
  .map((route): [string, Route] => [`${route.method} ${route.path}`, route]);

/**
 * What a call makes AWS do, in no order, since some of it happens at the same time. Without UpdateItem: those are
 * the caller's own leases of requests and its last_used, which depend on the minute alone.
 */
const shapeOf = (calls: readonly RecordedCall[]): string[] =>
  calls
    .filter(({ operation }) => operation !== 'UpdateItem')
    .map((call) => `${call.service} ${call.operation} ${call.status ?? 'none'} ${call.resources.length}`)
    .toSorted();

async function observed(route: Route, key: string, params: PathParams) {
  await local.calls.start();
  const answer = await callRoute(api, route, params, { key });
  const calls = shapeOf(await local.calls.stop());
  return {
    status: answer.status,
    body: await comparable(answer),
    headers: [...answer.headers.keys()],
    calls,
  };
}

/** Pairs of paths: one that names what is another tenant's, one that names what never existed. */
function pairs(route: Route, own: TestTenant, theirs: World): [PathParams, PathParams][] {
  const missing = neverExisted();
  const foreign = { ...theirs.params };
  const found: [PathParams, PathParams][] = [[foreign, { ...missing, name: foreign.name }]];
  const hasOther = route.path.includes(':tenant_id') && /:(key_id|job_id)/.test(route.path);
  if (hasOther) {
    found.push([
      { ...foreign, tenant_id: own.tenantId },
      { ...missing, tenant_id: own.tenantId, name: foreign.name },
    ]);
  }
  return found;
}

test('there are such routes', () => {
  expect(NAMED.length).toBeGreaterThan(12);
});

describe.each(NAMED)('%s', (_, route) => {
  test('answers another’s like none’s, by the same calls of AWS', async () => {
    for (const theirs of worlds) {
      const stranger = await createTestTenant(aws.store);
      // From now on its key is cached.
      await api.request('GET', '/jobs?limit=1', { key: stranger.apiKey });
      for (const [foreign, never] of pairs(route, stranger, theirs)) {
        const told = await observed(route, stranger.apiKey, foreign);
        const expected = await observed(route, stranger.apiKey, never);
        expect(told.status).toBe(404);
        expect(told).toEqual(expected);
        expect(told.calls.length).toBeGreaterThan(0);
      }
    }
  });
});

test('and nothing of theirs was touched', async () => {
  for (const { params, apiKey } of worlds) {
    const job = await api.request('GET', `/jobs/${params.job_id}`, { key: apiKey });
    expect(await job.json()).toMatchObject({ status: 'pending', cancel_requested_at: null });
    const secret = await api.request('GET', `/tenants/${params.tenant_id}/secrets/openai`, { key: apiKey });
    expect(await secret.json()).toMatchObject({ status: 'active' });
    const { api_keys: keys } = await (
      await api.request('GET', `/tenants/${params.tenant_id}/api-keys`, { key: apiKey })
    ).json();
    expect(keys.every(({ revoked }: { revoked: boolean }) => !revoked)).toBe(true);
  }
});
