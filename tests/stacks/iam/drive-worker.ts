import { expect } from 'bun:test';
import { sendJob } from '../../../shared/queue/send-job.ts';
import { addJob, claimed } from '../../store/fixture.ts';
import type { JobRecord } from '../../../shared/model/job.ts';
import { createTestTenant, outpostEnv, type TestTenant } from '../../harness/outpost.ts';
import { hasDied, hasWritten, startWorld, type World } from '../../worker/loop/fixture.ts';
import { dedicatedTenant } from './dedicated-tenant.ts';
import { apiThroughEvents, createRecorder, type Recorder } from './recorder.ts';

export const PRIORITIES = ['high', 'normal', 'low'] as const;
/** More than one part of an upload. */
export const LARGE = 'head -c 6000000 /dev/zero | tr "\\0" x';
const PATIENCE_MS = 60_000;

/** A worker with everything that can become of a job, and the API reading what it left. */
export async function driveWorker(): Promise<Recorder> {
  const world = await startWorld();
  const recorder = createRecorder(world.local);
  try {
    const tenant = await createTestTenant(world.aws.store, { limits: { concurrent_jobs: 5 } });
    const large = await submitWork(world, tenant);
    await addJobLostThrice(world, tenant);
    await work(recorder, world, tenant, large);
    await recorder.during('api', () => readOutput(world, tenant, large));
  } finally {
    await world.stop();
  }
  return recorder;
}

export async function putKey(world: World, tenant: TestTenant): Promise<void> {
  const put = await world.api.request('PUT', `/tenants/${tenant.tenantId}/secrets/openai`, {
    key: tenant.apiKey,
    body: { value: 'sk-test-0123456789abcdef0123' },
  });
  expect(put.status).toBe(200);
}

/** Jobs of every priority that fail and are tried again, one with a key, one with more than fits one upload. */
async function submitWork(world: World, tenant: TestTenant): Promise<string> {
  await putKey(world, tenant);
  for (const priority of PRIORITIES) {
    await world.submit(tenant, 'exit 1', { priority, max_attempts: 2, agent: 'keyed' });
  }
  return world.submit(tenant, LARGE, { priority: 'low' });
}

/** A job whose third worker is lost, one of another worker, and one whose workspace another job has. */
async function addJobLostThrice(world: World, tenant: TestTenant): Promise<void> {
  await sendJob(world.aws.queues, await lostThrice(world, tenant));
  // One that the pool hands on.
  await sendJob(
    world.aws.queues,
    await addJob(world.aws.store, await dedicatedTenant(world.aws), { agent: 'sh' }),
  );
  const holder = await addJob(world.aws.store, tenant, { agent: 'sh', workspace: 'shared' });
  await claimed(world.aws.store, holder);
  await sendJob(
    world.aws.queues,
    await addJob(world.aws.store, tenant, { agent: 'sh', workspace: 'shared' }),
  );
}

/** A job whose third worker is lost. */
export const lostThrice = (world: World, tenant: TestTenant): Promise<JobRecord> =>
  addJob(world.aws.store, tenant, {
    agent: 'sh',
    status: 'running',
    attempt: 2,
    platform_failures: 2,
    lease_expires_at: Date.now() - PATIENCE_MS,
    lease_token: 'lost',
    lease_worker: 'lost',
    tenant_status: `${tenant.tenantId}#running`,
  });

/** All of that, and then a job that the worker hands back when it is told to stop. */
async function work(recorder: Recorder, world: World, tenant: TestTenant, last: string): Promise<void> {
  const worker = await recorder.during('worker', async () => {
    const started = await world.startWorker();
    expect(await world.until(tenant, last, undefined, PATIENCE_MS)).toMatchObject({ status: 'succeeded' });
    return started;
  });
  const jobId = await world.submit(tenant, 'echo begun; sleep 600');
  await recorder.during('worker', async () => {
    await hasWritten(world, tenant, jobId, 'begun');
    process.kill(worker.pid, 'SIGTERM');
    await hasDied(worker);
    expect(await world.job(tenant, jobId)).toMatchObject({ status: 'pending', attempt: 1 });
  });
}

async function readOutput(world: World, tenant: TestTenant, jobId: string): Promise<void> {
  const api = await apiThroughEvents(outpostEnv(world.local));
  for (const path of [`/jobs/${jobId}/output`, `/jobs/${jobId}/events`]) {
    await (await api.request('GET', path, { key: tenant.apiKey })).text();
  }
  await api.request('GET', `/jobs/${jobId}/output`, { key: tenant.apiKey, headers: { range: 'bytes=0-9' } });
}
