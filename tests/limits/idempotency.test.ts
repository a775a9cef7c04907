import { ListSecretVersionIdsCommand } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { ROUTES } from '../../api/routes/table.ts';
import { claimKey } from '../../api/idempotency.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUuid } from '../../shared/ids.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { sha256 } from '../../shared/hash.ts';
import { describeProviderSecret } from '../../shared/secrets/provider-secret-store.ts';
import { providerKeySecret } from '../../shared/secrets/secrets.ts';
import { idempotencyKey } from '../../shared/store/item-keys.ts';
import { getItem } from '../../shared/store/store.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { transact } from '../../shared/store/transact.ts';
import { updateItem } from '../../shared/store/update-item.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, startApi, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { allEntries, drainAuditQueue, scanTable } from '../audit/entries.ts';
import { expectProblem } from '../api/problems.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row J2 over every kind of write: the same request many times at once is one change and one answer. */
const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);
const DUPLICATES = SCALE > 1 ? 200 : 100;

let local: LocalAws;
let aws: Aws;
let apis: readonly TestApi[];

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
  // Two processes: nothing may hang on memory that duplicates share.
  const env = {
    OUTPOST_ROTATION_FUNCTION_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:outpost-rotation-local',
  };
  apis = await Promise.all([startApi(local, env), startApi(local, env)]);
});
afterAll(async () => {
  await Promise.all(apis.map((api) => api.stop()));
  await local.stop();
});

type Write = { method: string; path: string; body?: unknown };
type Prepared = {
  readonly write: Write;
  readonly status: number;
  /** The same method and path with a body that differs; absent where there is no body. */
  readonly other?: unknown;
  /** How often the change took place, by what lies in the tables. */
  readonly times: () => Promise<number>;
};

const one = (index: number): TestApi => apis[index % apis.length]!;

const send = (index: number, tenant: TestTenant, write: Write, key?: string): Promise<Response> =>
  one(index).request(write.method, write.path, {
    key: tenant.apiKey,
    ...(write.body === undefined ? {} : { body: write.body }),
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
  });

async function must(tenant: TestTenant, write: Write): Promise<Record<string, unknown>> {
  const answer = await send(0, tenant, write);
  expect(answer.ok).toBe(true);
  return answer.json();
}

const at = (tenant: TestTenant, path = ''): string => `/tenants/${tenant.tenantId}${path}`;

async function countWhere(table: 'jobs' | 'tenants', wanted: (item: Record<string, unknown>) => boolean) {
  return (await scanTable(aws.store, table)).filter(wanted).length;
}

async function revision(tenantId: string): Promise<number> {
  return (await getTenant(aws.store, tenantId))?.revision ?? 0;
}

async function versions(tenant: TestTenant, name: string): Promise<number> {
  const { Versions = [] } = await aws.secrets.client.send(
    new ListSecretVersionIdsCommand({
      SecretId: providerKeySecret(tenant.tenantId, name),
      IncludeDeprecated: true,
    }),
  );
  return Versions.length;
}

async function deletions(tenant: TestTenant): Promise<number> {
  const secret = await describeProviderSecret(aws.secrets, tenant.tenantId, 'openai');
  return secret?.status === 'scheduled_for_deletion' ? 1 : 0;
}

const keysOf = (tenant: TestTenant): Promise<number> =>
  countWhere('tenants', (item) => item['sk'] === 'KEY' && item['tenant_id'] === tenant.tenantId);

const WRITES: Readonly<Record<string, (tenant: TestTenant) => Promise<Prepared>>> = {
  'POST /jobs': async (tenant) => ({
    write: { method: 'POST', path: '/jobs', body: { agent: 'codex', command: 'once' } },
    status: 202,
    other: { agent: 'codex', command: 'another' },
    times: () => countWhere('jobs', (job) => job['tenant_id'] === tenant.tenantId),
  }),
  'POST /tenants': async () => {
    const name = `once-${newUuid()}`;
    return {
      write: { method: 'POST', path: '/tenants', body: { name, email: 'once@example.com' } },
      status: 201,
      other: { name, email: 'other@example.com' },
      times: () => countWhere('tenants', (item) => item['name'] === name && item['sk'] === 'TENANT'),
    };
  },
  'PATCH /tenants/{id}': async (tenant) => {
    const before = await revision(tenant.tenantId);
    return {
      write: { method: 'PATCH', path: at(tenant), body: { name: 'Once' } },
      status: 200,
      other: { name: 'Twice' },
      times: async () => (await revision(tenant.tenantId)) - before,
    };
  },
  'DELETE /tenants/{id}': async (tenant) => {
    const created = await must(tenant, {
      method: 'POST',
      path: '/tenants',
      body: { name: 'Doomed', email: 'doomed@example.com' },
    });
    return {
      write: { method: 'DELETE', path: `/tenants/${String(created['id'])}` },
      status: 200,
      times: async () => (await revision(String(created['id']))) - 1,
    };
  },
  'POST /tenants/{id}/api-keys': async (tenant) => {
    const before = await keysOf(tenant);
    return {
      write: { method: 'POST', path: at(tenant, '/api-keys'), body: { name: 'once' } },
      status: 201,
      other: { name: 'twice' },
      times: async () => (await keysOf(tenant)) - before,
    };
  },
  'POST /tenants/{id}/api-keys/{key}/rotate': async (tenant) => {
    const key = await must(tenant, { method: 'POST', path: at(tenant, '/api-keys'), body: { name: 'old' } });
    const before = await keysOf(tenant);
    return {
      write: { method: 'POST', path: at(tenant, `/api-keys/${String(key['key_id'])}/rotate`), body: {} },
      status: 201,
      other: { overlap_seconds: 60 },
      times: async () => (await keysOf(tenant)) - before,
    };
  },
  'DELETE /tenants/{id}/api-keys/{key}': async (tenant) => {
    const key = await must(tenant, { method: 'POST', path: at(tenant, '/api-keys'), body: { name: 'gone' } });
    const before = await revision(tenant.tenantId);
    return {
      write: { method: 'DELETE', path: at(tenant, `/api-keys/${String(key['key_id'])}`) },
      status: 200,
      times: async () => (await revision(tenant.tenantId)) - before,
    };
  },
  'PUT /tenants/{id}/secrets/{name}': async (tenant) => {
    const path = at(tenant, '/secrets/openai');
    return {
      write: { method: 'PUT', path, body: { value: 'sk-once-0123456789' } },
      status: 200,
      other: { value: 'sk-twice-0123456789' },
      times: () => versions(tenant, 'openai'),
    };
  },
  'PUT /tenants/{id}/secrets/{name}, again': async (tenant) => {
    const path = at(tenant, '/secrets/openai');
    await must(tenant, { method: 'PUT', path, body: { value: 'sk-before-0123456789' } });
    return {
      write: { method: 'PUT', path, body: { value: 'sk-once-0123456789' } },
      status: 200,
      other: { value: 'sk-twice-0123456789' },
      times: async () => (await versions(tenant, 'openai')) - 1,
    };
  },
  'DELETE /tenants/{id}/secrets/{name}': async (tenant) => {
    const path = at(tenant, '/secrets/openai');
    await must(tenant, { method: 'PUT', path, body: { value: 'sk-before-0123456789' } });
    return { write: { method: 'DELETE', path }, status: 200, times: () => deletions(tenant) };
  },
  'POST /tenants/{id}/secrets/{name}/restore': async (tenant) => {
    const path = at(tenant, '/secrets/openai');
    await must(tenant, { method: 'PUT', path, body: { value: 'sk-before-0123456789' } });
    await must(tenant, { method: 'DELETE', path });
    return {
      write: { method: 'POST', path: `${path}/restore` },
      status: 200,
      times: async () => 1 - (await deletions(tenant)),
    };
  },
  'POST /tenants/{id}/secrets/{name}/rotate': async (tenant) => {
    const path = at(tenant, '/secrets/openai');
    await must(tenant, { method: 'PUT', path, body: { value: 'sk-before-0123456789' } });
    const before = await versions(tenant, 'openai');
    return {
      write: { method: 'POST', path: `${path}/rotate`, body: { value: 'sk-once-0123456789' } },
      status: 202,
      other: { value: 'sk-twice-0123456789' },
      times: async () => (await versions(tenant, 'openai')) - before,
    };
  },
  'PUT /billing/spend-cap': async (tenant) => {
    const before = await revision(tenant.tenantId);
    return {
      write: { method: 'PUT', path: '/billing/spend-cap', body: { jobs_per_period: 5 } },
      status: 200,
      other: { jobs_per_period: 6 },
      times: async () => (await revision(tenant.tenantId)) - before,
    };
  },
  'DELETE /jobs/{id}': async (tenant) => {
    const body = { agent: 'codex', command: 'cancel me' };
    const { job_id: jobId } = await must(tenant, { method: 'POST', path: '/jobs', body });
    return {
      write: { method: 'DELETE', path: `/jobs/${String(jobId)}` },
      status: 200,
      times: () => countWhere('jobs', (job) => job['job_id'] === jobId && job['status'] === 'cancelled'),
    };
  },
};

/** What asks Stripe, which bills nobody here: tests/billing/subscriptions.test.ts sends these twice. */
const WITH_STRIPE = ['POST /billing/checkout', 'POST /billing/plan'];

test('every write of the API is among these', () => {
  const shape = (name: string): string => name.replaceAll(/:\w+|\{\w+\}/g, '{}').replace(', again', '');
  const writes = ROUTES.filter(({ mutation }) => mutation === true);
  expect([...new Set([...Object.keys(WRITES), ...WITH_STRIPE].map(shape))].toSorted()).toEqual(
    writes.map(({ method, path }) => shape(`${method} ${path}`)).toSorted(),
  );
});

/** A body without what is shown once. */
const shared = ({ api_key: _, ...rest }: Record<string, unknown>): Record<string, unknown> => rest;

describe.each(Object.entries(WRITES))('%s', (_, prepare) => {
  test(`sent ${DUPLICATES} times at once runs once, and answers the same`, async () => {
    const tenant = await createTestTenant(aws.store, { scopes: SCOPES });
    const { write, status, other, times } = await prepare(tenant);
    const key = newUuid();
    const answers = await Promise.all(
      Array.from({ length: DUPLICATES }, (_each, index) => send(index, tenant, write, key)),
    );
    const bodies: Record<string, unknown>[] = await Promise.all(answers.map((answer) => answer.json()));
    const statuses = [...new Set(answers.map((answer) => answer.status))];
    expect({ statuses, odd: bodies.find((_body, index) => answers[index]?.status !== status) }).toEqual({
      statuses: [status],
      odd: undefined,
    });
    for (const body of bodies) expect(shared(body)).toEqual(shared(bodies[0]!));
    const shown = bodies.filter((body) => typeof body['api_key'] === 'string');
    expect(shown).toHaveLength('api_key' in bodies[0]! ? 1 : 0);
    const first = answers.filter((answer) => answer.headers.get('idempotency-replayed') === null);
    expect(first).toHaveLength(1);
    expect(await times()).toBe(1);

    const later = await send(1, tenant, write, key);
    expect(later.headers.get('idempotency-replayed')).toBe('true');
    expect(shared(await later.json())).toEqual(shared(bodies[0]!));
    if (other !== undefined) {
      await expectProblem(await send(0, tenant, { ...write, body: other }, key), 409, 'idempotency_conflict');
    }
    expect(await times()).toBe(1);
    await drainAuditQueue(aws);
    const recorded = Map.groupBy(await allEntries(aws.store), ({ request_id }) => request_id);
    for (const answer of answers) {
      expect(recorded.get(answer.headers.get('x-request-id') ?? '')).toHaveLength(1);
    }
  });
});

describe('an Idempotency-Key', () => {
  const submit = (tenant: TestTenant, key: string, command = 'once') =>
    send(0, tenant, { method: 'POST', path: '/jobs', body: { agent: 'codex', command } }, key);

  test('whose record has expired counts as new, though TTL has not removed it', async () => {
    const tenant = await createTestTenant(aws.store);
    const key = newUuid();
    const first = await (await submit(tenant, key)).json();
    expect((await (await submit(tenant, key)).json()).job_id).toBe(first.job_id);
    const changed = await updateItem(aws.store, 'tenants', idempotencyKey(tenant.tenantId, sha256(key)), {
      set: { expires_at: aws.clock.now() - 1 },
    });
    expect(changed).toBeDefined();
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit(tenant, key, 'other body')));
    const ids = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).job_id)));
    expect(ids.size).toBe(1);
    expect(ids).not.toContain(first.job_id);
  });

  test('is kept for a day', async () => {
    const tenant = await createTestTenant(aws.store);
    const key = newUuid();
    await submit(tenant, key);
    const [record] = (await scanTable(aws.store, 'tenants')).filter(
      ({ sk }) => sk === `IDEMPOTENCY#${sha256(key)}`,
    );
    const left = Number(record?.['expires_at']) - Date.now();
    expect(left).toBeGreaterThan(23.9 * 3_600_000);
    expect(left).toBeLessThanOrEqual(24 * 3_600_000 + 5_000);
    expect(JSON.stringify(record)).not.toContain(key);
  });

  test('is each tenant’s own', async () => {
    const [a, b] = [await createTestTenant(aws.store), await createTestTenant(aws.store)];
    const key = newUuid();
    const ids = await Promise.all(
      [a, b].map(async (each) => (await (await submit(each, key)).json()).job_id),
    );
    expect(ids[0]).not.toBe(ids[1]);
  });

  test('of a request that failed does not stop the next try', async () => {
    const tenant = await createTestTenant(aws.store);
    const key = newUuid();
    const bad = { method: 'POST', path: '/jobs', body: { agent: 'nobody', command: 'x' } };
    await expectProblem(await send(0, tenant, bad, key), 400, 'invalid_request');
    expect((await submit(tenant, key)).status).toBe(202);
  });

  test('of a request that found nothing left to do is used up all the same', async () => {
    const tenant = await createTestTenant(aws.store);
    const body = { agent: 'codex', command: 'x' };
    const { job_id: jobId } = await must(tenant, { method: 'POST', path: '/jobs', body });
    const cancel = { method: 'DELETE', path: `/jobs/${String(jobId)}` };
    const cancelled = await must(tenant, cancel);
    const key = newUuid();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => send(index, tenant, cancel, key)),
    );
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(await answer.json()).toEqual(cancelled);
    }
    const first = answers.filter(({ headers }) => headers.get('idempotency-replayed') === null);
    expect(first).toHaveLength(1);
    await expectProblem(await submit(tenant, key), 409, 'idempotency_conflict');
  });

  const putKey = (tenant: TestTenant, key: string, value = 'sk-claimed-0123456789') =>
    send(0, tenant, { method: 'PUT', path: at(tenant, '/secrets/xai'), body: { value } }, key);

  test('is free again at once when storing a provider key failed', async () => {
    const tenant = await createTestTenant(aws.store);
    const key = newUuid();
    await local.faults.set([
      { service: 'secretsmanager', operation: 'CreateSecret', fault: { kind: 'outage' } },
    ]);
    await expectProblem(await putKey(tenant, key), 503, 'unavailable');
    await local.faults.clear();
    const again = await putKey(tenant, key);
    expect(again.status).toBe(200);
    expect(again.headers.has('idempotency-replayed')).toBe(false);
  });

  test('of a request that is being worked on is refused to another body, and waited for by its own', async () => {
    const tenant = await createTestTenant(aws.store);
    const key = newUuid();
    await local.faults.set([
      { service: 'secretsmanager', operation: 'CreateSecret', fault: { kind: 'delay', ms: 1_500 } },
    ]);
    const first = putKey(tenant, key);
    const claim = idempotencyKey(tenant.tenantId, sha256(key));
    while ((await getItem(aws.store, 'tenants', claim)) === undefined) await Bun.sleep(20);
    const [other, same] = await Promise.all([
      putKey(tenant, key, 'sk-another-0123456789'),
      putKey(tenant, key),
    ]);
    await local.faults.clear();
    await expectProblem(other, 409, 'idempotency_conflict');
    expect(same.headers.get('idempotency-replayed')).toBe('true');
    expect(await same.json()).toEqual(await (await first).json());
    expect(await versions(tenant, 'xai')).toBe(1);
  });

  test('that a dead process had claimed is free when the claim ends', async () => {
    const tenant = await createTestTenant(aws.store);
    const key = newUuid();
    const idempotent = { tenantId: tenant.tenantId, key, requestHash: 'x', requestId: newUuid() };
    await transact(aws.store, [claimKey(aws.store, idempotent)]);
    await expectProblem(await putKey(tenant, key), 409, 'idempotency_conflict');
    await updateItem(aws.store, 'tenants', idempotencyKey(tenant.tenantId, sha256(key)), {
      set: { expires_at: aws.clock.now() - 1 },
    });
    expect((await putKey(tenant, key)).status).toBe(200);
  });

  test.each(['', 'with space', 'ümlaut', 'x'.repeat(256)])('is refused when it is %j', async (key) => {
    const tenant = await createTestTenant(aws.store);
    await expectProblem(await submit(tenant, key), 400, 'invalid_request');
  });
});
