import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { type DedicatedTasks, startDedicated } from '../../api/operations/start-dedicated.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUlid } from '../../shared/ids.ts';
import { createLog } from '../../shared/log.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { tenantKey } from '../../shared/store/item-keys.ts';
import { updateItem } from '../../shared/store/update-item.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { addJob, LEASE_SECONDS, read } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let aws: Aws;

beforeAll(async () => {
  ({ aws } = await sharedOutpost());
});

const isolate = ({ tenantId }: TestTenant, isolation: 'pool' | 'dedicated') =>
  updateItem(aws.store, 'tenants', tenantKey(tenantId), { set: { isolation } });

const dedicated = async (limits = {}): Promise<TestTenant> => {
  const tenant = await createTestTenant(aws.store, { limits });
  await isolate(tenant, 'dedicated');
  return tenant;
};

const claimBy = (onlyTenant: string | undefined, job: JobRecord) =>
  claimJob(aws.store, {
    tenantId: job.tenant_id,
    jobId: job.job_id,
    workerId: onlyTenant ?? 'pool',
    leaseSeconds: LEASE_SECONDS,
    ...(onlyTenant === undefined ? {} : { onlyTenant }),
  });

describe('a claim', () => {
  test('of the pool gets no job of a dedicated tenant, and writes nothing', async () => {
    const tenant = await dedicated();
    const job = await addJob(aws.store, tenant);
    expect(await claimBy(undefined, job)).toEqual({ kind: 'misdirected', isolation: 'dedicated' });
    expect(await read(aws.store, job)).toEqual(job);
  });

  test('of the tenant’s own worker gets it', async () => {
    const tenant = await dedicated();
    const job = await addJob(aws.store, tenant);
    expect(await claimBy(tenant.tenantId, job)).toMatchObject({ kind: 'claimed' });
  });

  test('of another tenant’s worker gets nothing, dedicated or not', async () => {
    const [tenant, other] = [await dedicated(), await dedicated()];
    expect(await claimBy(other.tenantId, await addJob(aws.store, tenant))).toEqual({ kind: 'unknown' });
    await isolate(tenant, 'pool');
    expect(await claimBy(other.tenantId, await addJob(aws.store, tenant))).toEqual({ kind: 'unknown' });
  });

  test('of its own worker gets nothing of a tenant that is the pool’s again', async () => {
    const tenant = await createTestTenant(aws.store);
    const job = await addJob(aws.store, tenant);
    expect(await claimBy(tenant.tenantId, job)).toEqual({ kind: 'misdirected', isolation: 'pool' });
  });

  test('of the pool that begins after the change never gets the job, however many race with it', async () => {
    const tenant = await createTestTenant(aws.store);
    const jobs: JobRecord[] = [];
    for (let index = 0; index < 20; index += 1) jobs.push(await addJob(aws.store, tenant));
    let changed = false;
    const late: string[] = [];
    const [first, ...rest] = jobs;
    const change = async (): Promise<void> => {
      if (first !== undefined) await claimBy(undefined, first);
      await isolate(tenant, 'dedicated');
      changed = true;
    };
    await Promise.all([
      change(),
      ...rest.map(async (job, index) => {
        await Bun.sleep(index);
        const after = changed;
        const { kind } = await claimBy(undefined, job);
        if (after) late.push(kind);
      }),
    ]);
    expect(new Set([...late, (await claimBy(undefined, await addJob(aws.store, tenant))).kind])).toEqual(
      new Set(['misdirected']),
    );
  });
});

type Asked = { tenantId: string; jobId: string; token: string };

/** The operation over tasks that are only asked for, with what it logs. */
function starter(refusal?: Error) {
  const asked: Asked[] = [];
  const lines: string[] = [];
  const tasks: DedicatedTasks = {
    start: async (task) => {
      asked.push(task);
      if (refusal !== undefined) throw refusal;
    },
  };
  const deps = {
    ...aws,
    log: createLog((line) => void lines.push(line)),
    settings: { resendSeconds: 60, environment: 'local' },
  };
  const start = (job: JobRecord) =>
    startDedicated(deps, tasks, {
      body: JSON.stringify({
        v: 1,
        tenant_id: job.tenant_id,
        job_id: job.job_id,
        priority: job.priority,
      }),
      token: 'message-id',
    });
  return { asked, lines, start, poison: () => startDedicated(deps, tasks, { body: '{}', token: 'x' }) };
}

/** What is in a queue: other tests may have left something there, too. */
async function bodiesOf(url: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const { Messages = [] } = await aws.queues.client.send(
      new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }),
    );
    if (Messages.length === 0) return bodies;
    bodies.push(...Messages.map(({ Body = '' }) => Body));
  }
}

describe('a message for a task', () => {
  test('starts one, by the message’s id, and gives it time before anybody sends again', async () => {
    const job = await addJob(aws.store, await dedicated());
    const { start, asked } = starter();
    const before = aws.clock.now();
    expect(await start(job)).toBe('started');
    expect(asked).toEqual([{ tenantId: job.tenant_id, jobId: job.job_id, token: 'message-id' }]);
    const stored = await read(aws.store, job);
    expect(stored.next_check_at).toBeGreaterThanOrEqual(before + 299_000);
    expect({ ...stored, next_check_at: 0 }).toEqual({ ...job, next_check_at: 0 });
  });

  test('of a job that runs, has ended or never was starts none', async () => {
    const tenant = await dedicated();
    const { start, asked } = starter();
    const running = await addJob(aws.store, tenant);
    await claimBy(tenant.tenantId, running);
    expect(await start(running)).toBe('idle');
    expect(await start(await addJob(aws.store, tenant, { status: 'succeeded' }))).toBe('idle');
    expect(await start({ ...running, job_id: newUlid() })).toBe('idle');
    expect(asked).toEqual([]);
  });

  test('of a job whose worker was lost starts one', async () => {
    const tenant = await dedicated();
    const { start, asked } = starter();
    const lost = {
      status: 'running',
      attempt: 1,
      lease_token: 'lost',
      lease_expires_at: aws.clock.now() - 60_000,
    } as const;
    expect(await start(await addJob(aws.store, tenant, lost))).toBe('started');
    expect(asked).toHaveLength(1);
  });

  test('of a tenant that is the pool’s again goes back to the job’s own queue', async () => {
    const tenant = await createTestTenant(aws.store);
    const { start, asked } = starter();
    const job = await addJob(aws.store, tenant, { priority: 'low' });
    expect(await start(job)).toBe('returned');
    expect(asked).toEqual([]);
    const bodies = await bodiesOf(aws.queues.urls.low);
    expect(bodies.some((body) => body.includes(job.job_id))).toBe(true);
  });

  test('of a job that would be parked parks it instead', async () => {
    const tenant = await dedicated({ concurrent_jobs: 1 });
    const { start, asked } = starter();
    await claimBy(tenant.tenantId, await addJob(aws.store, tenant, { workspace: 'one' }));
    const second = await addJob(aws.store, tenant, { workspace: 'two' });
    expect(await start(second)).toBe('parked');
    expect((await read(aws.store, second)).parked_for).toBe(`${tenant.tenantId}#slot`);

    const uncapped = await dedicated();
    await claimBy(uncapped.tenantId, await addJob(aws.store, uncapped, { workspace: 'one' }));
    const same = await addJob(aws.store, uncapped, { workspace: 'one' });
    expect(await start(same)).toBe('parked');
    expect((await read(aws.store, same)).parked_for).toBe(`${uncapped.tenantId}#workspace#one`);
    expect(asked).toEqual([]);
  });

  test('whose task is refused comes again, and the refusal is logged and counted', async () => {
    const job = await addJob(aws.store, await dedicated());
    const { start, lines } = starter(new Error('ecs RunTask: 400 TaskDefinition not found'));
    await expect(start(job)).rejects.toThrow('TaskDefinition not found');
    expect(await read(aws.store, job)).toEqual(job);
    const said = lines.map((line): Record<string, unknown> => JSON.parse(line));
    expect(said.find(({ event }) => event === 'dedicated.not_started')).toMatchObject({
      tenant_id: job.tenant_id,
      job_id: job.job_id,
    });
    expect(said.find(({ event }) => event === 'dedicated.refused')).toMatchObject({
      DedicatedStartsRefused: 1,
    });
  });

  test('that is no job message is left to the dead letters', async () => {
    await expect(starter().poison()).rejects.toThrow('not a job message');
  });
});
