import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { isTerminal, TERMINAL_STATUSES } from '../../shared/model/job.ts';
import { endJob, type Outcome } from '../../shared/store/jobs/end-job.ts';
import { UNFINISHED_ATTRIBUTES } from '../../shared/store/jobs/job-state.ts';
import { markAgentStarted } from '../../shared/store/jobs/write-leased.ts';
import { type Store, toItem } from '../../shared/store/store.ts';
import { ConditionFailed } from '../../shared/store/transact.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { addJob, claimed, end, itemsOf, read, SUCCEEDED, usageOf } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** One rule: a job counts, for quota and bill, once its agent started, unless the platform failed it. */

let store: Store;
let tenant: TestTenant;

beforeAll(async () => {
  ({ store } = (await sharedOutpost()).aws);
  tenant = await createTestTenant(store, {
    plan: 'pro',
    limits: { concurrent_jobs: 100, jobs_per_period: 1000 },
  });
});

const started = async (fields: Parameters<typeof addJob>[2] = {}) => {
  const held = await claimed(store, await addJob(store, tenant, fields));
  const job = await markAgentStarted(store, held.lease, new Date().toISOString());
  if (job === undefined) throw new Error('the lease is lost');
  return { job, lease: held.lease };
};

const ledgerOf = async (jobId: string) =>
  (await itemsOf(store, tenant.tenantId, 'LEDGER#')).filter((row) => row['job_id'] === jobId);

const FAILED: Outcome = { status: 'failed', failure: { code: 'agent_failed', message: 'x' }, exitCode: 1 };
const CANCELLED: Outcome = { status: 'cancelled', failure: { code: 'cancelled', message: 'x' } };
const PLATFORM: Outcome = { status: 'failed', failure: { code: 'platform_failure', message: 'x' } };

describe('a job whose agent started', () => {
  test.each([
    ['succeeded', SUCCEEDED],
    ['failed', FAILED],
    ['cancelled', CANCELLED],
    ['timed_out', { status: 'timed_out', failure: { code: 'timed_out', message: 'x' } }],
  ] as [string, Outcome][])('is billed once when it %s, and its quota stays used', async (_, outcome) => {
    const held = await started();
    const before = await usageOf(store, held.job);
    const ends = await Promise.all(Array.from({ length: 10 }, () => end(store, held, outcome)));
    expect(ends.filter(Boolean)).toHaveLength(1);
    expect(await ledgerOf(held.job.job_id)).toMatchObject([
      { tenant_id: tenant.tenantId, agent: 'codex', usage_period: held.job.usage_period },
    ]);
    expect(await usageOf(store, held.job)).toEqual(before);
  });

  test('is refunded and not billed when the platform failed it', async () => {
    const held = await started();
    const before = await usageOf(store, held.job);
    await Promise.all(Array.from({ length: 5 }, () => end(store, held, PLATFORM)));
    expect(await ledgerOf(held.job.job_id)).toEqual([]);
    expect(await usageOf(store, held.job)).toEqual({ used: before.used - 1, refunded: before.refunded + 1 });
  });
});

test('an end that does not know of an agent’s start writes nothing: the job would go unbilled', async () => {
  const unaware = await claimed(store, await addJob(store, tenant));
  const job = await markAgentStarted(store, unaware.lease, new Date().toISOString());
  if (job === undefined) throw new Error('the lease is lost');
  expect(await end(store, unaware, FAILED)).toBe(false);
  expect((await read(store, job)).status).toBe('running');
  expect(await end(store, { job, lease: unaware.lease }, FAILED)).toBe(true);
  expect(await ledgerOf(job.job_id)).toHaveLength(1);
});

describe('a job whose agent never started', () => {
  test('is refunded once and not billed, whoever ends it', async () => {
    const pending = await addJob(store, tenant);
    const running = await claimed(store, await addJob(store, tenant));
    const before = await usageOf(store, pending);
    const results = await Promise.all([
      ...Array.from({ length: 5 }, () => endJob(store, pending, { guard: 'pending' }, CANCELLED)),
      ...Array.from({ length: 5 }, () => end(store, running, FAILED)),
    ]);
    expect(results.filter(Boolean)).toHaveLength(2);
    expect(await usageOf(store, pending)).toEqual({ used: before.used - 2, refunded: before.refunded + 2 });
    for (const job of [pending, running.job]) expect(await ledgerOf(job.job_id)).toEqual([]);
  });
});

describe('the terminal transaction', () => {
  test('leaves the result, and nothing that only an unfinished job has', async () => {
    const held = await started();
    const usage = { input_tokens: 1, output_tokens: 2, cost_usd: null };
    const output = { location: 'a/b', bytes: 5, truncated: true };
    expect(await end(store, held, { ...SUCCEEDED, usage, output, lastEventId: 9 })).toBe(true);
    const record = await read(store, held.job);
    expect(record).toMatchObject({
      status: 'succeeded',
      tenant_status: `${tenant.tenantId}#succeeded`,
      exit_code: 0,
      usage,
      output_location: 'a/b',
      output_bytes: 5,
      output_truncated: true,
      sealed: { 1: 9 },
    });
    expect(record.completed_at).not.toBeNull();
    for (const attribute of UNFINISHED_ATTRIBUTES) expect(record[attribute]).toBeUndefined();
    expect(TERMINAL_STATUSES.every(isTerminal)).toBe(true);
  });

  test('leaves one audit entry', async () => {
    const own = await createTestTenant(store);
    const held = await claimed(store, await addJob(store, own));
    await Promise.all(Array.from({ length: 5 }, () => end(store, held)));
    const answer = await store.client.send(
      new QueryCommand({
        TableName: store.tables.audit,
        KeyConditionExpression: 'tenant_id = :tenant',
        ExpressionAttributeValues: toItem({ ':tenant': own.tenantId }),
      }),
    );
    const entries = (answer.Items ?? []).map((item) => unmarshall(item));
    expect(entries.map(({ action }) => String(action)).toSorted()).toEqual(['job.claim', 'job.end']);
    const ended = entries.find(({ action }) => action === 'job.end');
    expect(ended).toMatchObject({ resource: `jobs/${held.job.job_id}`, actor: 'worker' });
  });

  test('is all or nothing: with a further condition that fails, the job runs on', async () => {
    const held = await started();
    const impossible = {
      label: 'more',
      table: 'tenants',
      check: { pk: 'none', sk: 'none' },
      condition: 'attribute_exists(#pk)',
    } as const;
    const ending = endJob(store, held.job, { guard: 'lease', lease: held.lease }, SUCCEEDED, [impossible]);
    await expect(ending).rejects.toBeInstanceOf(ConditionFailed);
    expect((await read(store, held.job)).status).toBe('running');
    expect(await ledgerOf(held.job.job_id)).toEqual([]);
    expect(await end(store, held)).toBe(true);
  });
});
