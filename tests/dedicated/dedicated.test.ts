import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { sendDedicated } from '../../shared/queue/send-job.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { TestTenant } from '../harness/outpost.ts';
import { HOOK_MS, hasStarted, hasWritten, outputText, TAKEOVER_MS } from '../worker/loop/fixture.ts';
import { eventually } from '../worker/launcher/probe.ts';
import { type DedicatedWorker, type DedicatedWorld, startDedicatedWorld } from './world.ts';
import type { Child } from '../harness/child.ts';

setDefaultTimeout(TEST_TIMEOUT_MS + TAKEOVER_MS);

/** Jobs of a tenant with `isolation: dedicated`, over processes as `bun start` has them. */
let world: DedicatedWorld;
let pool: Child;

beforeAll(async () => {
  world = await startDedicatedWorld();
  pool = await world.startWorker();
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);

/** A lease has to run out. */
const everything = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1) > 1;
const reason = everything ? '' : ' (skipped: only with OUTPOST_TEST_SCALE above 1)';

/** The workers that were started for a job. */
const ownOf = (jobId: string): DedicatedWorker[] => world.own.filter((each) => each.jobId === jobId);

/** What a worker said of a job: the names of its events. */
const saidOf = (worker: Child, jobId: string): string[] =>
  worker
    .logs()
    .filter((line) => line['job_id'] === jobId)
    .map((line) => String(line['event']));

const ran = (worker: Child, jobId: string): boolean => saidOf(worker, jobId).includes('job.attempt');

const succeeds = async (tenant: TestTenant, jobId: string): Promise<void> => {
  expect(await world.until(tenant, jobId, undefined, TAKEOVER_MS)).toMatchObject({ status: 'succeeded' });
};

describe('a job of a dedicated tenant', () => {
  test('is handed on by the pool and run by a worker of its own, which then ends', async () => {
    const tenant = await world.dedicatedTenant();
    const jobId = await world.submit(tenant, 'echo alone');
    await succeeds(tenant, jobId);
    expect(outputText(await world.events(tenant, jobId))).toBe('alone\n');
    const [own] = ownOf(jobId);
    expect(await own?.exitCode).toBe(0);
    // What a process wrote last may be read after its end.
    await eventually(() => own !== undefined && ran(own.worker, jobId));
    expect(saidOf(pool, jobId)).toContain('job.redirected');
    expect(ran(pool, jobId)).toBe(false);
  });

  test('runs although the first start of its task fails', async () => {
    const tenant = await world.dedicatedTenant();
    const fault = { kind: 'error_before', status: 500, code: 'ServerException' } as const;
    await world.local.faults.set([{ service: 'ecs', operation: 'RunTask', times: 1, fault }]);
    const jobId = await world.submit(tenant, 'echo in spite');
    await succeeds(tenant, jobId);
    expect(await world.local.faults.list()).toMatchObject([{ hits: 1 }]);
    await world.local.faults.clear();
    expect(ran(pool, jobId)).toBe(false);
  });

  test('runs once when the reply to the start is lost', async () => {
    const tenant = await world.dedicatedTenant();
    await world.local.faults.set([
      { service: 'ecs', operation: 'RunTask', times: 1, fault: { kind: 'drop_reply' } },
    ]);
    const jobId = await world.submit(tenant, 'echo once');
    await succeeds(tenant, jobId);
    await world.local.faults.clear();
    expect(outputText(await world.events(tenant, jobId))).toBe('once\n');
    expect(await world.job(tenant, jobId)).toMatchObject({ attempt: 1, platform_failures: 0 });
  });

  test('is run by one of two tasks; the other finds nothing to do', async () => {
    const tenant = await world.dedicatedTenant();
    const jobId = await world.submit(tenant, 'echo once');
    await sendDedicated(world.aws.queues, await world.job(tenant, jobId));
    await succeeds(tenant, jobId);
    const codes = await Promise.all(ownOf(jobId).map(({ exitCode }) => exitCode));
    expect(new Set(codes)).toEqual(new Set([0]));
    await eventually(() => ownOf(jobId).filter(({ worker }) => ran(worker, jobId)).length === 1);
    expect(await world.job(tenant, jobId)).toMatchObject({ attempt: 1 });
  });

  test('is handed back when its task is told to stop, and run by another', async () => {
    const tenant = await world.dedicatedTenant();
    const once = 'if [ -e ran ]; then echo again; else touch ran; echo begun; sleep 600; fi';
    const jobId = await world.submit(tenant, once);
    await hasWritten(world, tenant, jobId, 'begun');
    const [own] = ownOf(jobId);
    if (own !== undefined) process.kill(own.worker.pid, 'SIGTERM');
    expect(await own?.exitCode).toBe(0);
    await succeeds(tenant, jobId);
    expect(await world.job(tenant, jobId)).toMatchObject({ attempt: 2, platform_failures: 0 });
    expect(ran(pool, jobId)).toBe(false);
  });

  test.skipIf(!everything)(`is taken over when its task is killed${reason}`, async () => {
    const tenant = await world.dedicatedTenant();
    const once = 'if [ -e ran ]; then echo again; else touch ran; echo begun; sleep 600; fi';
    const jobId = await world.submit(tenant, once);
    await hasWritten(world, tenant, jobId, 'begun');
    await ownOf(jobId)[0]?.worker.kill();
    await succeeds(tenant, jobId);
    expect(await world.job(tenant, jobId)).toMatchObject({ attempt: 2, platform_failures: 1 });
    expect(ran(pool, jobId)).toBe(false);
  });

  test('is cancelled while it runs', async () => {
    const tenant = await world.dedicatedTenant();
    const jobId = await world.submit(tenant, 'sleep 600');
    await hasStarted(world, tenant, jobId);
    expect((await world.cancel(tenant, jobId)).status).toBe(202);
    expect(await world.until(tenant, jobId)).toMatchObject({ status: 'cancelled' });
    expect(await ownOf(jobId)[0]?.exitCode).toBe(0);
  });
});

test('a cap holds for dedicated tenants: the end of one job starts the next', async () => {
  const tenant = await world.dedicatedTenant({ concurrent_jobs: 1 });
  const jobIds = [
    await world.submit(tenant, 'sleep 1', { workspace: 'a' }),
    await world.submit(tenant, 'sleep 1', { workspace: 'b' }),
  ];
  for (const jobId of jobIds) await succeeds(tenant, jobId);
  expect(jobIds.filter((jobId) => ran(pool, jobId))).toEqual([]);
});

test('a tenant that goes back to the pool has its waiting messages run there', async () => {
  const tenant = await world.tenant();
  const jobId = await world.submit(tenant, 'echo pooled');
  await sendDedicated(world.aws.queues, await world.job(tenant, jobId));
  await succeeds(tenant, jobId);
  await eventually(() => ran(pool, jobId));
  expect(ownOf(jobId)).toEqual([]);
});

test('a tenant’s own worker that is told of another’s job runs nothing', async () => {
  const [own, other] = [await world.dedicatedTenant(), await world.tenant()];
  const jobId = await world.submit(other, 'echo other');
  const worker = await world.startWorker({ OUTPOST_ONLY_TENANT: own.tenantId, OUTPOST_ONLY_JOB: jobId });
  expect(await worker.exited).toBe(0);
  expect(ran(worker, jobId)).toBe(false);
});

test('a worker that is told of a tenant and no job does not start', async () => {
  const { tenantId } = await world.tenant();
  await expect(world.startWorker({ OUTPOST_ONLY_TENANT: tenantId })).rejects.toThrow(
    'OUTPOST_ONLY_TENANT and OUTPOST_ONLY_JOB are set together',
  );
});
