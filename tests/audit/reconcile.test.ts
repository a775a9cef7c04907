import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { listEntries } from '../../shared/store/audit/list-entries.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUlid, newUuid, randomHex } from '../../shared/ids.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import type { FaultRule } from '../../local/aws/faults.ts';
import type { Child } from '../harness/child.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import {
  awsOf,
  createTestTenant,
  startApi,
  startFunctions,
  type TestApi,
  type TestTenant,
} from '../harness/outpost.ts';
import { shown } from '../faults/shown.ts';
import { limitedKey } from '../limits/limited-key.ts';
import { allEntries, auditBacklog, retryAuditSoon, scanTable } from './entries.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Row U1 and fault 20: every answer of a busy API is held against the audit table, while its queue and the
 * tables fail. One entry a request id, none missing, none double, and no change without its entry.
 */
const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);
const CALLS = 400 * SCALE;
const AT_ONCE = 16;
const SEED = Number(process.env['OUTPOST_TEST_SEED'] ?? 20_261_123);
const USER_AGENT = 'reconciler/1.0';
const PROMPT = 'a prompt that belongs to nobody else';
const QUERY_MARK = 'query-that-must-not-be-kept';

let local: LocalAws;
let aws: Aws;
let api: TestApi;
let functions: Child;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
  await retryAuditSoon(aws.queues);
  [api, functions] = await Promise.all([
    startApi(local),
    startFunctions(local, { OUTPOST_SWEEP_SECONDS: '3600' }),
  ]);
});
afterAll(async () => {
  await Promise.all([api.stop(), functions.stop()]);
  await local.stop();
});

/** 30 % of everything that the audit queue is asked, and of what DynamoDB is asked, each in three ways. */
const FAULTS: readonly FaultRule[] = [
  ...([{ kind: 'outage' }, { kind: 'drop_reply' }, { kind: 'duplicate_delivery', copies: 3 }] as const).map(
    (fault, index): FaultRule => ({
      service: 'sqs',
      match: 'outpost-audit-local',
      operation: 'SendMessage',
      probability: 0.113,
      seed: SEED + index,
      fault,
    }),
  ),
  ...(
    [
      { kind: 'throttle' },
      { kind: 'error_after', status: 500, code: 'InternalServerError' },
      { kind: 'drop_reply' },
      { kind: 'drop_request' },
    ] as const
  ).map((fault, index): FaultRule => ({
    service: 'dynamodb',
    probability: 0.0853,
    seed: SEED + 10 + index,
    fault,
  })),
];

type Answer = {
  readonly requestId: string;
  readonly status: number;
  readonly method: string;
  readonly tenantId: string | undefined;
  readonly body: Record<string, unknown>;
};

type Actor = { readonly tenant: TestTenant; readonly limitedKey: string };

/** A small generator of numbers in [0, 1), so that a failure can be run again with its seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One kind of call of the mix: what it asks, and with which key. */
type Kind = (
  actor: Actor,
  other: Actor,
) => {
  method: string;
  path: string;
  key?: string;
  body?: unknown;
  headers?: Record<string, string>;
};

const own = (actor: Actor, path = ''): string => `/tenants/${actor.tenant.tenantId}${path}`;

const KINDS: readonly Kind[] = [
  // Changes.
  ({ tenant }) => ({
    method: 'POST',
    path: '/jobs',
    key: tenant.apiKey,
    body: { agent: 'codex', command: PROMPT },
  }),
  ({ tenant }) => ({
    method: 'POST',
    path: '/jobs',
    key: tenant.apiKey,
    body: { agent: 'codex', command: PROMPT },
    headers: { 'idempotency-key': newUuid() },
  }),
  (actor) => ({
    method: 'PATCH',
    path: own(actor),
    key: actor.tenant.apiKey,
    body: { name: `n-${randomHex(3)}` },
  }),
  (actor) => ({
    method: 'PUT',
    path: own(actor, '/secrets/openai'),
    key: actor.tenant.apiKey,
    body: { value: 'sk-reconcile-0123456789' },
  }),
  (actor) => ({
    method: 'POST',
    path: own(actor, '/api-keys'),
    key: actor.tenant.apiKey,
    body: { name: 'k', scopes: ['jobs:read'] },
  }),
  // Reads.
  ({ tenant }) => ({ method: 'GET', path: '/jobs?limit=1', key: tenant.apiKey }),
  (actor) => ({ method: 'GET', path: own(actor), key: actor.tenant.apiKey }),
  ({ tenant }) => ({ method: 'GET', path: `/audit?limit=1&resource=${QUERY_MARK}`, key: tenant.apiKey }),
  (actor) => ({ method: 'GET', path: own(actor, '/secrets'), key: actor.tenant.apiKey }),
  // Refusals: 401, 403, 404 (missing, another's, no route), 405, 400, 409, 429.
  () => ({ method: 'GET', path: '/jobs', key: `op_live_${randomHex(16)}` }),
  () => ({ method: 'GET', path: '/jobs' }),
  ({ limitedKey: key }) => ({ method: 'GET', path: '/audit', key }),
  ({ tenant }) => ({ method: 'GET', path: `/jobs/${newUlid()}`, key: tenant.apiKey }),
  ({ tenant }, other) => ({
    method: 'DELETE',
    path: own(other, `/api-keys/${newUlid()}`),
    key: tenant.apiKey,
  }),
  ({ tenant }) => ({ method: 'GET', path: `/nowhere?${QUERY_MARK}`, key: tenant.apiKey }),
  () => ({ method: 'PUT', path: '/jobs' }),
  ({ tenant }) => ({
    method: 'POST',
    path: '/jobs',
    key: tenant.apiKey,
    body: { agent: 'codex', command: PROMPT, [QUERY_MARK]: 1 },
  }),
  (actor) => ({
    method: 'POST',
    path: '/jobs',
    key: actor.tenant.apiKey,
    body: { agent: 'codex', command: `${PROMPT} ${randomHex(4)}` },
    headers: { 'idempotency-key': `shared-${actor.tenant.tenantId}` },
  }),
  ({ limitedKey: key }) => ({ method: 'GET', path: '/jobs', key }),
];

async function call(kind: Kind, actor: Actor, other: Actor): Promise<Answer> {
  const { method, path, ...options } = kind(actor, other);
  const answer = await api.request(method, path, {
    ...options,
    headers: { 'user-agent': USER_AGENT, ...options.headers },
  });
  const text = await answer.text();
  return {
    requestId: answer.headers.get('x-request-id') ?? '',
    status: answer.status,
    method,
    tenantId:
      options.key === actor.tenant.apiKey || options.key === actor.limitedKey
        ? actor.tenant.tenantId
        : undefined,
    body: text === '' ? {} : JSON.parse(text),
  };
}

async function createActors(count: number): Promise<Actor[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const tenant = await createTestTenant(aws.store, {
        scopes: SCOPES.filter((scope) => scope !== 'admin'),
      });
      return { tenant, limitedKey: (await limitedKey(aws, tenant.tenantId, 5)).apiKey };
    }),
  );
}

/** Runs `count` calls, `AT_ONCE` at a time. */
async function load(count: number, actors: readonly Actor[]): Promise<Answer[]> {
  const random = generator(SEED);
  const answers: Answer[] = [];
  let started = 0;
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const work = async (): Promise<void> => {
    while (started < count) {
      // Each kind in turn, so that none is left out by chance.
      const kind = KINDS[started % KINDS.length]!;
      started += 1;
      answers.push(await call(kind, pick(actors), pick(actors)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return answers;
}

/** Resolves when the audit writer has emptied the queue. */
async function written(): Promise<void> {
  while ((await auditBacklog(aws.queues)) > 0) await Bun.sleep(50);
}

const byRequest = (entries: readonly AuditEntry[]): Map<string, AuditEntry[]> =>
  Map.groupBy(entries, ({ request_id }) => request_id);

describe('with 30 % of the audit queue’s and of DynamoDB’s calls failing', () => {
  let answers: Answer[] = [];
  let entries: AuditEntry[] = [];
  let actors: Actor[] = [];

  beforeAll(async () => {
    actors = await createActors(4);
    await local.faults.set(FAULTS);
    answers = await load(CALLS, actors);
    const hits = (await local.faults.list()).map(
      (rule) => `${rule.service} ${rule.fault.kind} ${rule.hits}/${rule.seen}`,
    );
    await local.faults.clear();
    await written();
    entries = await allEntries(aws.store);
    const statuses = [...Map.groupBy(answers, ({ status }) => status)].map(
      ([status, of]) => `${status}: ${of.length}`,
    );
    console.log(
      `U1: ${answers.length} answers (${statuses.toSorted().join(', ')}); faults: ${hits.join(', ')}; seed ${SEED}`,
    );
  }, 240_000 * SCALE);

  test('the mix had every kind of answer', () => {
    const statuses = new Set(answers.map(({ status }) => status));
    for (const status of [200, 201, 202, 400, 401, 403, 404, 405, 409, 429])
      expect(statuses).toContain(status);
    expect(answers.some(({ status }) => status === 500)).toBe(false);
    expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(answers.length);
  });

  test('every answer has exactly one entry: 0 missing, 0 double', () => {
    const found = byRequest(entries);
    const missing = answers.filter(({ requestId }) => !found.has(requestId));
    const double = answers.filter(({ requestId }) => (found.get(requestId)?.length ?? 0) > 1);
    console.log(`U1: ${answers.length} answers, ${missing.length} missing, ${double.length} double`);
    // A call that nothing could record is answered 503 and changes nothing: it is in the log, whole.
    const lost = new Set(
      api
        .logs()
        .filter(({ event }) => event === 'audit.lost')
        .map((line) => requestIdOf(line)),
    );
    expect(missing.filter(({ status, requestId }) => status !== 503 || !lost.has(requestId))).toEqual([]);
    expect(double).toEqual([]);
  });

  test('the entry says what was answered', () => {
    const found = byRequest(entries);
    const other = answers
      .filter(({ status }) => status !== 503)
      .map((answer) => ({ answer, entry: found.get(answer.requestId)?.[0] }))
      .filter(
        ({ answer, entry }) => entry?.status !== answer.status || entry.outcome !== outcomeOf(answer.status),
      );
    expect(other).toEqual([]);
  });

  test('every entry of a caller lies with its tenant, and says from where and with what', () => {
    const found = byRequest(entries);
    for (const { requestId, tenantId, status } of answers) {
      const entry = found.get(requestId)?.[0];
      if (entry === undefined) continue;
      expect(entry).toMatchObject({ source_ip: '127.0.0.1', user_agent: USER_AGENT });
      expect(entry.action).toMatch(/^[a-z_]+\.[a-z_.]+$/);
      expect(entry.resource).not.toBe('');
      // An unknown route asks for no key.
      if (tenantId !== undefined && entry.action !== 'service.unknown_route' && status !== 503) {
        expect(entry.tenant_id).toBe(tenantId);
        expect(entry.actor).toMatch(/^key:/);
      }
    }
  });

  test('every job, key and change has its entry: none was made without', async () => {
    const allowed = entries.filter(({ outcome }) => outcome === 'allowed');
    const created = new Set(allowed.map(({ resource }) => resource.split('/').at(-1)));
    const jobs = await scanTable(aws.store, 'jobs');
    expect(jobs.length).toBeGreaterThan(CALLS / KINDS.length);
    for (const job of jobs) expect(created).toContain(String(job['job_id']));
    const keys = (await scanTable(aws.store, 'tenants')).filter(
      (item) => item['sk'] === 'KEY' && item['name'] === 'k',
    );
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(created).toContain(String(key['key_id']));
  });

  test('every acknowledged change was made', async () => {
    const jobs = new Set((await scanTable(aws.store, 'jobs')).map((job) => String(job['job_id'])));
    const accepted = answers.filter(({ status }) => status === 202).map(({ body }) => String(body['job_id']));
    expect(accepted.length).toBeGreaterThan(0);
    for (const jobId of accepted) expect(jobs).toContain(jobId);
  });

  test('no entry holds a key, a provider key, a prompt or a query string', () => {
    const text = JSON.stringify(entries);
    const secrets = actors.flatMap(({ tenant, limitedKey: key }) => [tenant.apiKey, key, tenant.keyHash]);
    for (const secret of [...secrets, PROMPT, QUERY_MARK, 'sk-reconcile-0123456789', 'shared-']) {
      expect(text).not.toContain(secret);
    }
  });
});

const outcomeOf = (status: number): AuditEntry['outcome'] => {
  if (status >= 500) return 'failed';
  return status >= 400 ? 'denied' : 'allowed';
};

function requestIdOf(line: Record<string, unknown>): string {
  const { entry } = line as { entry?: { request_id?: string } };
  return entry?.request_id ?? '';
}

describe('with every audit write failing (fault 20)', () => {
  const OUTAGE: readonly FaultRule[] = [
    { service: 'sqs', match: 'outpost-audit-local', fault: { kind: 'outage' } },
    { service: 'dynamodb', match: 'outpost-audit-local', fault: { kind: 'outage' } },
  ];

  /** All that a change could have changed. */
  async function state(tenant: TestTenant): Promise<unknown[]> {
    const jobs = await scanTable(aws.store, 'jobs');
    const items = await scanTable(aws.store, 'tenants');
    const kept = items.filter(
      ({ sk }) => sk === 'TENANT' || sk === 'KEY' || String(sk).startsWith('IDEMPOTENCY'),
    );
    const secrets = await (
      await api.request('GET', `/tenants/${tenant.tenantId}/secrets`, { key: tenant.apiKey })
    ).json();
    return [...jobs, ...kept, secrets].map((each) => JSON.stringify(each)).toSorted();
  }

  test('changes fail closed, reads are not answered, and nothing was changed', async () => {
    const tenant = await createTestTenant(aws.store, { scopes: SCOPES });
    const key = tenant.apiKey;
    const path = `/tenants/${tenant.tenantId}`;
    const submitted = await api.request('POST', '/jobs', { key, body: { agent: 'codex', command: 'first' } });
    const { job_id: jobId } = await submitted.json();
    await api.request('PUT', `${path}/secrets/openai`, { key, body: { value: 'sk-before-0123456789' } });
    const before = await state(tenant);
    const idempotent = { 'idempotency-key': newUuid() };
    const attempts: [string, string, object?][] = [
      ['POST', '/jobs', { agent: 'codex', command: 'second' }],
      ['DELETE', `/jobs/${jobId}`],
      ['POST', '/tenants', { name: 'None', email: 'none@example.com' }],
      ['PATCH', path, { name: 'Changed' }],
      ['DELETE', path],
      ['POST', `${path}/api-keys`, { name: 'none' }],
      ['PUT', `${path}/secrets/openai`, { value: 'sk-after-0123456789' }],
      ['PUT', `${path}/secrets/xai`, { value: 'xai-after-0123456789' }],
      ['DELETE', `${path}/secrets/openai`],
      ['GET', '/jobs'],
      ['GET', path],
      ['GET', '/audit'],
      ['GET', `/jobs/${jobId}/output`],
      ['GET', '/nowhere'],
    ];
    await local.faults.set(OUTAGE);
    const statuses = await Promise.all(
      attempts.map(async ([method, at, body]) => {
        const answer = await api.request(method, at, {
          key,
          headers: idempotent,
          ...(body === undefined ? {} : { body }),
        });
        await answer.body?.cancel();
        return [method, at, answer.status, answer.headers.get('retry-after')];
      }),
    );
    const stranger = await api.request('GET', '/jobs');
    await local.faults.clear();
    expect(statuses).toEqual(attempts.map(([method, at]) => [method, at, 503, '1']));
    expect(stranger.status).toBe(503);
    expect(await state(tenant)).toEqual(before);
    const lost = api
      .logs()
      .filter(({ event }) => event === 'audit.lost')
      .map((line) => requestIdOf(line));
    expect(lost).toContain(stranger.headers.get('x-request-id') ?? 'none');
    shown(20, attempts.length + 1);
  });

  test('health and documentation are answered all the same', async () => {
    await local.faults.set(OUTAGE);
    const [health, document] = [
      await api.request('GET', '/health'),
      await api.request('GET', '/openapi.json'),
    ];
    await local.faults.clear();
    expect([health.status, document.status]).toEqual([200, 200]);
  });

  test('a read whose queue alone fails is answered, and recorded directly', async () => {
    const tenant = await createTestTenant(aws.store);
    await local.faults.set(OUTAGE.slice(0, 1));
    const answer = await api.request('GET', '/jobs', { key: tenant.apiKey });
    const range = { from: '2000-01-01T00:00:00.000Z', to: '2100-01-01T00:00:00.000Z' };
    const { entries } = await listEntries(aws.store, tenant.tenantId, range, { limit: 10 });
    await local.faults.clear();
    expect(answer.status).toBe(200);
    expect(entries.map(({ entry }) => entry.request_id)).toEqual([
      answer.headers.get('x-request-id') ?? 'none',
    ]);
    shown(20, 1);
  });
});
