import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Aws } from '../../shared/deps.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, startApi, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { expectProblem } from '../api/problems.ts';
import { limitedKey } from './limited-key.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row A5 and last_used of row A1 over real HTTP, against three API processes that share nothing but AWS. */
const MINUTE_MS = 60_000;
/** A burst must fit into what is left of a calendar minute. */
const ROOM_MS = 25_000;

let local: LocalAws;
let aws: Aws;
let apis: readonly [TestApi, TestApi, TestApi];
let tenant: TestTenant;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
  apis = await Promise.all([startApi(local), startApi(local), startApi(local)]);
  tenant = await createTestTenant(aws.store);
});
afterAll(async () => {
  await Promise.all(apis.map((api) => api.stop()));
  await local.stop();
});

const minuteNow = (): number => Math.floor(Date.now() / MINUTE_MS);

/** Runs a burst within one calendar minute: waits for the next when little is left, repeats one that crossed. */
async function withinOneMinute<T>(burst: () => Promise<T>): Promise<T> {
  for (;;) {
    const left = MINUTE_MS - (Date.now() % MINUTE_MS);
    if (left < ROOM_MS) await Bun.sleep(left + 100);
    const minute = minuteNow();
    const result = await burst();
    if (minuteNow() === minute) return result;
  }
}

const list = (api: TestApi, key: string): Promise<Response> => api.request('GET', '/jobs', { key });

describe('the limit', () => {
  test('holds over three processes', async () => {
    const limit = 60;
    const { statuses, calls } = await withinOneMinute(async () => {
      const { apiKey } = await limitedKey(aws, tenant.tenantId, limit);
      await local.calls.start();
      const answers = await Promise.all(
        apis.flatMap((api) => Array.from({ length: 50 }, () => list(api, apiKey))),
      );
      const recorded = await local.calls.stop();
      return { statuses: answers.map(({ status }) => status), calls: recorded };
    });
    const through = statuses.filter((status) => status === 200).length;
    const leases = calls.filter(({ operation }) => operation === 'UpdateItem').length;
    console.log(
      `A5: 3 processes, limit ${limit}: ${through} of ${statuses.length} let through, ${leases} updates`,
    );
    expect(through).toBe(limit);
    expect(statuses.filter((status) => status === 429)).toHaveLength(statuses.length - limit);
  });

  test('is told on every answer, and how long to wait on a refusal', async () => {
    const [api] = apis;
    const { first, second, refused } = await withinOneMinute(async () => {
      const { apiKey } = await limitedKey(aws, tenant.tenantId, 2);
      const [one, two] = [await list(api, apiKey), await list(api, apiKey)];
      return { first: one, second: two, refused: await list(api, apiKey) };
    });
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toBe('"key";q=2;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"key";r=1;t=([1-9]|[1-5]\d|60)$/);
    expect(second.headers.get('ratelimit')).toMatch(/^"key";r=0;t=\d+$/);
    expect(refused.headers.get('ratelimit')).toMatch(/^"key";r=0;t=\d+$/);
    expect(refused.headers.get('ratelimit-policy')).toBe('"key";q=2;w=60');
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThanOrEqual(1);
    expect(wait).toBeLessThanOrEqual(60);
    await expectProblem(refused, 429, 'rate_limited');
  });

  test('counts refused calls too, so that probing is not free', async () => {
    const [api] = apis;
    const statuses = await withinOneMinute(async () => {
      const { apiKey } = await limitedKey(aws, tenant.tenantId, 2);
      const answers: number[] = [];
      for (let call = 0; call < 3; call += 1) {
        answers.push((await api.request('GET', '/audit', { key: apiKey })).status);
      }
      return answers;
    });
    expect(statuses).toEqual([403, 403, 429]);
  });

  test('is the key’s own where it has one, else the tenant’s, else the plan’s', async () => {
    const [api] = apis;
    const limits = { requests_per_minute: 77 };
    const overridden = await createTestTenant(aws.store, { limits });
    const own = await limitedKey(aws, overridden.tenantId, 33);
    const tenants = await limitedKey(aws, overridden.tenantId, null);
    const plans = await limitedKey(aws, tenant.tenantId, null);
    const policies: (string | null)[] = [];
    for (const { apiKey } of [own, tenants, plans]) {
      policies.push((await list(api, apiKey)).headers.get('ratelimit-policy'));
    }
    expect(policies).toEqual(['"key";q=33;w=60', '"key";q=77;w=60', '"key";q=1000;w=60']);
  });

  test('lets nothing through while its counter cannot be reached', async () => {
    const [api] = apis;
    const { apiKey, keyHash } = await limitedKey(aws, tenant.tenantId, 50);
    await local.faults.set([{ service: 'dynamodb', match: `RATE#${keyHash}`, fault: { kind: 'outage' } }]);
    const refused = await list(api, apiKey);
    await local.faults.clear();
    await expectProblem(refused, 503, 'unavailable');
    expect((await list(api, apiKey)).status).toBe(200);
  });
});

describe('last_used', () => {
  const lastUsed = async (keyId: string): Promise<string | null> => {
    const answer = await apis[0].request('GET', `/tenants/${tenant.tenantId}/api-keys?limit=100`, {
      key: tenant.apiKey,
    });
    const { api_keys: keys } = await answer.json();
    return keys.find((key: { key_id: string }) => key.key_id === keyId).last_used;
  };

  test('is one write for many requests, and visible to the owner', async () => {
    const { apiKey, keyId } = await limitedKey(aws, tenant.tenantId, null);
    expect(await lastUsed(keyId)).toBeNull();
    const before = new Date(Date.now() - 2_000).toISOString();
    await local.faults.set([
      {
        service: 'dynamodb',
        match: `KEYUSE#${keyId}`,
        operation: 'UpdateItem',
        fault: { kind: 'delay', ms: 1 },
      },
    ]);
    await Promise.all(Array.from({ length: 40 }, () => list(apis[0], apiKey)));
    for (let call = 0; call < 10; call += 1) await list(apis[0], apiKey);
    const [rule] = await local.faults.list();
    await local.faults.clear();
    expect(rule?.hits).toBe(1);
    const seen = await lastUsed(keyId);
    expect(seen).not.toBeNull();
    expect(String(seen) > before).toBe(true);
  });

  test('is no reason to refuse a request when it cannot be written', async () => {
    const { apiKey, keyId } = await limitedKey(aws, tenant.tenantId, null);
    await local.faults.set([{ service: 'dynamodb', match: `KEYUSE#${keyId}`, fault: { kind: 'outage' } }]);
    expect((await list(apis[0], apiKey)).status).toBe(200);
    await local.faults.clear();
  });
});
