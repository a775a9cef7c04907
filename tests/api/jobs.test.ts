import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUlid } from '../../shared/ids.ts';
import { receiveJobs } from '../../shared/queue/receive-jobs.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { createTestTenant, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let aws: Aws;
let api: TestApi;

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
});

const submit = (
  tenant: TestTenant,
  body: object = {},
  headers: Record<string, string> = {},
): Promise<Response> =>
  api.request('POST', '/jobs', {
    key: tenant.apiKey,
    body: { agent: 'codex', command: 'hello', ...body },
    headers,
  });

async function submitted(tenant: TestTenant, body: object = {}): Promise<string> {
  const answer = await submit(tenant, body);
  expect(answer.status).toBe(202);
  return (await answer.json()).job_id;
}

const read = async (tenant: TestTenant, path: string) =>
  (await api.request('GET', path, { key: tenant.apiKey })).json();

/** Claims a job as a worker would. */
const claim = (tenant: TestTenant, jobId: string) =>
  claimJob(aws.store, { tenantId: tenant.tenantId, jobId, workerId: 'test', leaseSeconds: 60 });

describe('POST /jobs', () => {
  test('stores a pending job and sends its name to the queue of its priority', async () => {
    const tenant = await createTestTenant(aws.store);
    const answer = await submit(tenant, { priority: 'high', metadata: { team: 'a' } });
    expect(answer.status).toBe(202);
    const { job_id, status, estimated_start } = await answer.json();
    expect(status).toBe('pending');
    expect(Date.parse(estimated_start)).toBeGreaterThan(Date.now() - 60_000);
    expect(await read(tenant, `/jobs/${job_id}`)).toMatchObject({
      job_id,
      tenant_id: tenant.tenantId,
      agent: 'codex',
      command: 'hello',
      workspace: 'default',
      priority: 'high',
      attempt: 0,
      metadata: { team: 'a' },
      usage: null,
      timeout_seconds: 3600,
      max_attempts: 1,
    });
    const received = await receiveJobs(aws.queues, 'high', {
      max: 10,
      waitSeconds: 5,
      visibilitySeconds: 30,
    });
    expect(received.map(({ message }) => message)).toContainEqual({
      v: 1,
      tenant_id: tenant.tenantId,
      job_id,
      priority: 'high',
    });
  });

  test('gives ids that rise', async () => {
    const tenant = await createTestTenant(aws.store);
    const ids = [];
    for (let count = 0; count < 5; count += 1) ids.push(await submitted(tenant));
    expect(ids.toSorted()).toEqual(ids);
  });

  test('runs 50 concurrent duplicates of one Idempotency-Key once and answers all the same', async () => {
    const tenant = await createTestTenant(aws.store);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => submit(tenant, {}, { 'idempotency-key': 'same' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).job_id)));
    expect(ids.size).toBe(1);
    expect((await read(tenant, '/jobs?limit=100')).jobs).toHaveLength(1);
  });

  test('refuses an Idempotency-Key that was used for another request', async () => {
    const tenant = await createTestTenant(aws.store);
    await submit(tenant, { command: 'one' }, { 'idempotency-key': 'k' });
    const other = await submit(tenant, { command: 'two' }, { 'idempotency-key': 'k' });
    expect(other.status).toBe(409);
    expect((await other.json()).code).toBe('idempotency_conflict');
  });

  test('keeps the Idempotency-Keys of two tenants apart', async () => {
    const [one, two] = [await createTestTenant(aws.store), await createTestTenant(aws.store)];
    const first = await (await submit(one, {}, { 'idempotency-key': 'k' })).json();
    const second = await (await submit(two, {}, { 'idempotency-key': 'k' })).json();
    expect(first.job_id).not.toBe(second.job_id);
  });

  test('accepts exactly as many jobs as the quota allows under concurrency, then answers 402', async () => {
    const tenant = await createTestTenant(aws.store, { plan: 'free' });
    const answers = await Promise.all(Array.from({ length: 40 }, () => submit(tenant)));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(10);
    const refused = answers.find(({ status }) => status === 402);
    const problem = await refused?.json();
    expect(problem).toMatchObject({ code: 'quota_exceeded', status: 402 });
    expect(Date.parse(problem.resets_at)).toBeGreaterThan(Date.now());
  });
});

describe('GET /jobs', () => {
  test('lists newest first, in pages that neither miss nor repeat', async () => {
    const tenant = await createTestTenant(aws.store);
    const ids: string[] = [];
    for (let count = 0; count < 7; count += 1) ids.push(await submitted(tenant));
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await read(tenant, `/jobs?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.jobs.map((job: { job_id: string }) => job.job_id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(ids.toReversed());
  });

  test('filters by status', async () => {
    const tenant = await createTestTenant(aws.store);
    const kept = await submitted(tenant);
    const cancelled = await submitted(tenant);
    await api.request('DELETE', `/jobs/${cancelled}`, { key: tenant.apiKey });
    const ids = async (status: string) =>
      (await read(tenant, `/jobs?status=${status}`)).jobs.map((job: { job_id: string }) => job.job_id);
    expect(await ids('pending')).toEqual([kept]);
    expect(await ids('cancelled')).toEqual([cancelled]);
    expect(await ids('succeeded')).toEqual([]);
  });
});

describe('DELETE /jobs/{id}', () => {
  test('cancels a pending job at once, so that no claim can start it', async () => {
    const tenant = await createTestTenant(aws.store);
    const jobId = await submitted(tenant);
    const answer = await api.request('DELETE', `/jobs/${jobId}`, { key: tenant.apiKey });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: 'cancelled', failure: { code: 'cancelled' } });
    expect((await claim(tenant, jobId)).kind).toBe('ended');
    const again = await api.request('DELETE', `/jobs/${jobId}`, { key: tenant.apiKey });
    expect(again.status).toBe(200);
  });

  test('asks the worker of a running job to end it, and says when it was asked', async () => {
    const tenant = await createTestTenant(aws.store);
    const jobId = await submitted(tenant);
    expect((await claim(tenant, jobId)).kind).toBe('claimed');
    const answer = await api.request('DELETE', `/jobs/${jobId}`, { key: tenant.apiKey });
    expect(answer.status).toBe(202);
    expect((await answer.json()).cancel_requested_at).not.toBeNull();
    const record = await getJob(aws.store, tenant.tenantId, jobId);
    expect(record).toMatchObject({ status: 'running' });
    expect(record?.cancel_requested_at).not.toBeNull();
  });

  test('is never acknowledged as cancelled for a job that was also claimed', async () => {
    const tenant = await createTestTenant(aws.store);
    const rounds = 20 * Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);
    for (let round = 0; round < rounds; round += 1) {
      const jobId = await submitted(tenant, { workspace: `w${round}` });
      const [cancelled, claimed] = await Promise.all([
        api.request('DELETE', `/jobs/${jobId}`, { key: tenant.apiKey }),
        claim(tenant, jobId),
      ]);
      expect([cancelled.status, claimed.kind]).toBeOneOf([
        [200, 'ended'],
        [202, 'claimed'],
      ]);
    }
  });
});

describe('GET /jobs/{id}/output', () => {
  test('says that there is none before an agent ran', async () => {
    const tenant = await createTestTenant(aws.store);
    const answer = await api.request('GET', `/jobs/${await submitted(tenant)}/output`, {
      key: tenant.apiKey,
    });
    expect(answer.status).toBe(409);
    expect((await answer.json()).code).toBe('output_not_ready');
  });
});

describe('another tenant’s job', () => {
  test('is answered exactly like one that never existed', async () => {
    const [owner, stranger] = [await createTestTenant(aws.store), await createTestTenant(aws.store)];
    const jobId = await submitted(owner);
    for (const [method, suffix] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/output'],
      ['GET', '/events'],
    ] as const) {
      const foreign = await api.request(method, `/jobs/${jobId}${suffix}`, { key: stranger.apiKey });
      const missing = await api.request(method, `/jobs/${newUlid()}${suffix}`, { key: stranger.apiKey });
      const body = async (answer: Response) => ({ ...(await answer.json()), request_id: '' });
      expect(foreign.status).toBe(404);
      expect(await body(foreign)).toEqual(await body(missing));
    }
    expect((await read(owner, `/jobs/${jobId}`)).status).toBe('pending');
  });
});
