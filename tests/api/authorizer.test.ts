import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { authorize, callerOfContext, type Policy } from '../../api/authorizer.ts';
import { createKeyring } from '../../api/keyring.ts';
import { ROUTES } from '../../api/routes/table.ts';
import { ingestAccessLog } from '../../api/operations/ingest-access-log.ts';
import type { ApiDeps } from '../../api/deps.ts';
import { newUlid, newUuid, randomHex } from '../../shared/ids.ts';
import { revokeApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { transact } from '../../shared/store/transact.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { createTestTenant, TEST_PEPPER, type TestTenant } from '../harness/outpost.ts';
import { allEntries, drainAuditQueue } from '../audit/entries.ts';
import { createInProcess, type InProcess } from '../audit/in-process.ts';
import { expectProblem } from './problems.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row A2: the authorizer with the gateway's events, and the app behind it. */
const ARN = 'arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/$default/GET/jobs';
const API_WIDE = 'arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/$default/*/*';

let local: LocalAws;
let api: InProcess;
let tenant: TestTenant;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  api = await createInProcess(local);
  tenant = await createTestTenant(api.deps.store);
});
afterAll(() => local.stop());

type Overrides = { key?: string; requestId?: string; timeEpoch?: number; headers?: Record<string, string> };

/** A payload 2.0 REQUEST event of an HTTP API, as the gateway sends it. Source: AWS, API Gateway guide. */
function requestEvent({ key, requestId = newUlid(), timeEpoch = Date.now(), headers }: Overrides = {}) {
  const authorization = `Bearer ${key ?? tenant.apiKey}`;
  return {
    version: '2.0',
    type: 'REQUEST',
    routeArn: ARN,
    identitySource: [authorization],
    routeKey: 'GET /jobs',
    rawPath: '/jobs',
    rawQueryString: 'status=running',
    headers: headers ?? { authorization, 'user-agent': 'curl/8.9', 'x-forwarded-for': '198.51.100.7' },
    queryStringParameters: { status: 'running' },
    requestContext: {
      accountId: '123456789012',
      apiId: 'a1b2c3d4e5',
      domainName: 'a1b2c3d4e5.execute-api.us-east-1.amazonaws.com',
      domainPrefix: 'a1b2c3d4e5',
      http: {
        method: 'GET',
        path: '/jobs',
        protocol: 'HTTP/1.1',
        sourceIp: '198.51.100.7',
        userAgent: 'curl/8.9',
      },
      requestId,
      routeKey: 'GET /jobs',
      stage: '$default',
      time: '23/Nov/2026:16:00:00 +0000',
      timeEpoch,
    },
    pathParameters: {},
    stageVariables: {},
  };
}

const effectOf = (policy: Policy) => policy.policyDocument.Statement.map((each) => each.Effect).join();

describe('a REQUEST event', () => {
  test('with a valid key is allowed, for the whole API', async () => {
    const policy = await authorize(api.deps, requestEvent());
    expect(policy.principalId).toBe(tenant.tenantId);
    expect(policy.policyDocument).toEqual({
      Version: '2012-10-17',
      Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: API_WIDE }],
    });
    expect(policy.context).toMatchObject({ tenant_id: tenant.tenantId });
    for (const value of Object.values(policy.context))
      expect(typeof value).toBeOneOf(['string', 'number', 'boolean']);
    expect(JSON.stringify(policy)).not.toContain(tenant.apiKey);
  });

  test('is read from the header in any case, and from the identity source without one', async () => {
    const upper = requestEvent({ headers: { Authorization: `Bearer ${tenant.apiKey}` } });
    expect(effectOf(await authorize(api.deps, upper))).toBe('Allow');
    expect(effectOf(await authorize(api.deps, requestEvent({ headers: {} })))).toBe('Allow');
    const { headers: _, ...bare } = requestEvent();
    expect(effectOf(await authorize(api.deps, bare))).toBe('Allow');
  });

  const unknown = () => `op_live_${randomHex(16)}`;
  test.each([
    ['unknown', unknown],
    ['malformed', () => 'op_live_XYZ'],
    ['empty', () => ''],
  ])('with an %s key is denied, for the whole API', async (_, key) => {
    const policy = await authorize(api.deps, requestEvent({ key: key() }));
    expect(policy).toEqual({
      principalId: 'anonymous',
      policyDocument: {
        Version: '2012-10-17',
        Statement: [{ Action: 'execute-api:Invoke', Effect: 'Deny', Resource: API_WIDE }],
      },
      context: {},
    });
  });

  test('of a revoked key, or of one that has expired, is denied', async () => {
    const revoked = await createTestTenant(api.deps.store);
    await transact(api.deps.store, revokeApiKey(api.deps.store, revoked.tenant, revoked.keyHash));
    expect(effectOf(await authorize(api.deps, requestEvent({ key: revoked.apiKey })))).toBe('Deny');
    const expiresAt = new Date(api.deps.clock.now() - 1).toISOString();
    const expired = await createTestTenant(api.deps.store, { expiresAt });
    expect(effectOf(await authorize(api.deps, requestEvent({ key: expired.apiKey })))).toBe('Deny');
  });

  test('is neither allowed nor denied when the key cannot be read: the gateway then answers 500', async () => {
    const stranger = await createTestTenant(api.deps.store);
    await local.faults.set([{ service: 'dynamodb', operation: 'GetItem', fault: { kind: 'outage' } }]);
    await expect(authorize(api.deps, requestEvent({ key: stranger.apiKey }))).rejects.toThrow(
      'Injected fault',
    );
    await local.faults.clear();
    expect(effectOf(await authorize(api.deps, requestEvent({ key: stranger.apiKey })))).toBe('Allow');
  });
});

test('a TOKEN event is understood, too', async () => {
  const event = (token: string) => ({ type: 'TOKEN', authorizationToken: token, methodArn: ARN });
  const allowed = await authorize(api.deps, event(`Bearer ${tenant.apiKey}`));
  expect(effectOf(allowed)).toBe('Allow');
  expect(allowed.policyDocument.Statement[0]?.Resource).toBe(API_WIDE);
  expect(callerOfContext(allowed.context)?.tenantId).toBe(tenant.tenantId);
  expect(effectOf(await authorize(api.deps, event(`Bearer op_live_${randomHex(16)}`)))).toBe('Deny');
});

test.each([
  {},
  { type: 'REQUEST', version: '1.0', methodArn: ARN },
  { type: 'TOKEN', methodArn: ARN },
  null,
  'Bearer op_live_0',
])('what is no authorizer’s event is refused with an error: %j', async (event) => {
  await expect(authorize(api.deps, event)).rejects.toThrow('not an authorizer event');
});

describe('a denial', () => {
  test('leaves one entry, and its line in the access log leaves still one', async () => {
    const requestId = newUlid();
    // The gateway's clock in milliseconds, which its access log may cut to seconds.
    const timeEpoch = Math.floor(Date.now() / 1000) * 1000 + 789;
    await authorize(api.deps, requestEvent({ key: `op_live_${randomHex(16)}`, requestId, timeEpoch }));
    await drainAuditQueue(api.deps);
    const mine = async () =>
      (await allEntries(api.deps.store)).filter((entry) => entry.request_id === requestId);
    expect(await mine()).toMatchObject([
      {
        action: 'gateway.refused',
        actor: 'authorizer',
        resource: 'jobs',
        outcome: 'denied',
        status: 403,
        source_ip: '198.51.100.7',
        user_agent: 'curl/8.9',
      },
    ]);
    const line = {
      request_id: requestId,
      source_ip: '198.51.100.7',
      user_agent: 'curl/8.9',
      path: '/jobs',
      status: '403',
      integration_status: '-',
    };
    const epochs = [String(timeEpoch), String(Math.floor(timeEpoch / 1000))];
    const lines = epochs.map((epoch) => JSON.stringify({ ...line, time_epoch: epoch }));
    await ingestAccessLog(api.deps, [...lines, ...lines]);
    expect(await mine()).toHaveLength(1);
  });

  test('that cannot be recorded is an error, never a silent one', async () => {
    await local.faults.set([
      { service: 'sqs', operation: 'SendMessage', fault: { kind: 'outage' } },
      { service: 'dynamodb', operation: 'PutItem', fault: { kind: 'outage' } },
    ]);
    const event = requestEvent({ key: `op_live_${randomHex(16)}` });
    await expect(authorize(api.deps, event)).rejects.toThrow('Injected fault');
    await local.faults.clear();
    expect(api.lines.join('\n')).toContain(event.requestContext.requestId);
  });
});

describe('the app behind the gateway', () => {
  /** What the gateway hands on with each request that this policy lets through. */
  const vouched = async (key: string, requestId: string) => {
    const { context } = await authorize(api.deps, requestEvent({ key, requestId }));
    // As it arrives: the gateway serializes the context.
    const caller = callerOfContext(JSON.parse(JSON.stringify(context)));
    if (caller === undefined) throw new Error('the context holds no caller');
    return { requestId, caller };
  };

  test('takes the caller from the context, whole, and reads no key again', async () => {
    const fresh = await createTestTenant(api.deps.store);
    const origin = await vouched(fresh.apiKey, newUlid());
    // An app that has never seen the key.
    const behind = await createInProcess(local);
    await local.calls.start();
    const answer = await behind.request('GET', `/tenants/${fresh.tenantId}`, { key: fresh.apiKey, origin });
    const viaGateway = await local.calls.stop();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-request-id')).toBe(origin.requestId);
    const alone = await createInProcess(local);
    await local.calls.start();
    await alone.request('GET', `/tenants/${fresh.tenantId}`, { key: fresh.apiKey });
    await alone.deps.keyUse.settled();
    await behind.deps.keyUse.settled();
    const byItself = await local.calls.stop();
    const reads = (calls: typeof viaGateway) =>
      calls.filter(({ operation }) => operation === 'GetItem').length;
    console.log(`A2: GetItem behind the gateway ${reads(viaGateway)}, without it ${reads(byItself)}`);
    expect(reads(viaGateway)).toBe(1);
    expect(reads(byItself)).toBe(2);
  });

  test('serves every route that its scopes allow with one cached policy', async () => {
    const { caller } = await vouched(tenant.apiKey, newUlid());
    // Nobody is billed here, so those routes answer 503 to everybody.
    const reads = ROUTES.filter(
      (route) => route.method === 'GET' && route.access !== 'public' && route.tag !== 'Billing',
    );
    expect(reads.length).toBeGreaterThan(5);
    for (const route of reads) {
      const path = route.path
        .replace(':tenant_id', caller.tenantId)
        .replace(':job_id', newUlid())
        .replace(':name', 'openai');
      const answer = await api.request('GET', path, { origin: { requestId: newUlid(), caller } });
      expect(answer.status).toBeOneOf(route.access === 'admin' ? [403] : [200, 404]);
      await answer.body?.cancel();
    }
  });

  test('checks scopes by itself', async () => {
    const reader = await createTestTenant(api.deps.store, { scopes: ['jobs:read'] });
    const origin = await vouched(reader.apiKey, newUlid());
    const body = { agent: 'codex', command: 'hello' };
    await expectProblem(await api.request('POST', '/jobs', { body, origin }), 403, 'forbidden');
    expect((await api.request('GET', '/jobs', { origin })).status).toBe(200);
  });

  test('refuses a key that expired after the gateway cached its policy', async () => {
    const HOUR_MS = 3_600_000;
    const expiresAt = new Date(api.deps.clock.now() + HOUR_MS).toISOString();
    const brief = await createTestTenant(api.deps.store, { expiresAt });
    const origin = await vouched(brief.apiKey, newUlid());
    expect((await api.request('GET', '/jobs', { origin })).status).toBe(200);
    const afterwards = await createInProcess(local, (deps) => ({
      ...deps,
      clock: { ...deps.clock, now: () => deps.clock.now() + HOUR_MS },
    }));
    const body = { agent: 'codex', command: 'hello' };
    const refused = await afterwards.request('POST', '/jobs', { body, origin });
    await expectProblem(refused, 401, 'unauthenticated');
  });

  test('changes nothing for a key that was revoked after the gateway cached its policy', async () => {
    const revoked = await createTestTenant(api.deps.store);
    const origin = await vouched(revoked.apiKey, newUlid());
    await transact(api.deps.store, revokeApiKey(api.deps.store, revoked.tenant, revoked.keyHash));
    const path = `/tenants/${revoked.tenantId}/api-keys`;
    const answer = await api.request('POST', path, { body: { name: 'late' }, origin });
    await expectProblem(answer, 403, 'forbidden');
  });

  test('ignores a context that a client sends', async () => {
    const { context } = await authorize(api.deps, requestEvent());
    const caller = String(context['caller']);
    const forged: Record<string, string> = {
      caller,
      'x-caller': caller,
      'x-tenant-id': tenant.tenantId,
      'x-outpost-caller': caller,
      'x-amzn-request-context': JSON.stringify({ authorizer: { lambda: context } }),
      'x-apigateway-event': encodeURIComponent(
        JSON.stringify({ requestContext: { authorizer: { lambda: context } } }),
      ),
      'x-forwarded-for': '192.0.2.1',
      'x-request-id': 'forged',
    };
    const answer = await api.request('GET', '/jobs', { headers: forged });
    expect(answer.headers.get('x-request-id')).not.toBe('forged');
    await expectProblem(answer, 401, 'unauthenticated');
    const stranger = await createTestTenant(api.deps.store);
    const other = await api.request('GET', `/tenants/${tenant.tenantId}`, {
      key: stranger.apiKey,
      headers: forged,
    });
    await expectProblem(other, 404, 'not_found');
  });
});

describe('callerOfContext', () => {
  test.each([undefined, null, 'text', {}, { caller: 7 }, { caller: '{' }, { caller: '{"tenantId":"t"}' }])(
    'finds no caller in %j',
    (context) => {
      expect(callerOfContext(context)).toBeUndefined();
    },
  );

  test('gives back what contextOf put in', async () => {
    const scopes = ['jobs:read', 'audit:read'] as const;
    const expiresAt = new Date(api.deps.clock.now() + 60_000).toISOString();
    const full = await createTestTenant(api.deps.store, {
      scopes,
      mode: 'test',
      plan: 'pro',
      limits: { concurrent_jobs: 3 },
      expiresAt,
    });
    const { context } = await authorize(api.deps, requestEvent({ key: full.apiKey }));
    expect(callerOfContext(context)).toEqual({
      tenantId: full.tenantId,
      keyId: String(context['key_id']),
      keyHash: full.keyHash,
      mode: 'test',
      scopes: [...scopes],
      plan: 'pro',
      keyRequestsPerMinute: 1_000_000,
      limits: { requests_per_minute: 1_000_000, concurrent_jobs: 3, jobs_per_period: 100 },
      tenantStatus: 'active',
      billingAnchor: Date.parse(full.tenant.billing_anchor),
      expiresAt,
    });
  });
});

test('authorize is quick: its p99 is printed, not judged', async () => {
  const rounds = 200;
  const p99 = (times: number[]): string =>
    `${(times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0).toFixed(2)} ms`;
  const timed = async (deps: () => ApiDeps): Promise<number[]> => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const using = deps();
      const started = performance.now();
      const policy = await authorize(using, requestEvent({ requestId: newUuid() }));
      times.push(performance.now() - started);
      expect(effectOf(policy)).toBe('Allow');
    }
    return times;
  };
  const cached = await timed(() => api.deps);
  const uncached = await timed(() => ({ ...api.deps, keyring: createKeyring(api.deps.store, TEST_PEPPER) }));
  console.log(`A2: authorize p99 over ${rounds}: uncached ${p99(uncached)}, cached ${p99(cached)}`);
});
