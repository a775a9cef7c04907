import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { newUuid } from '../../shared/ids.ts';
import { startApi, startFunctions, type TestTenant } from '../harness/outpost.ts';
import {
  HOOK_MS,
  API_ENV,
  type Crew,
  FUNCTIONS_ENV,
  hasDied,
  hire,
  startWorld,
  type World,
} from '../worker/loop/fixture.ts';
import { SCALE, shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;

beforeAll(async () => {
  world = await startWorld();
  crew = hire(world);
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

const REQUEST = { agent: 'sh', command: 'echo once' };

/** Submits through an API that dies at the failpoint, then again, with the same Idempotency-Key, through one that lives. */
const submitThroughCrash = async (tenant: TestTenant, failpoint: string): Promise<string> => {
  const doomed = await startApi(world.local, { ...API_ENV, OUTPOST_FAILPOINTS: `${failpoint}=kill` });
  const options = { key: tenant.apiKey, body: REQUEST, headers: { 'idempotency-key': newUuid() } };
  await expect(doomed.request('POST', '/jobs', options)).rejects.toThrow();
  const again = await world.api.request('POST', '/jobs', options);
  expect(again.status).toBe(202);
  const { job_id: jobId } = (await again.json()) as { job_id: string };
  const list = await world.api.request('GET', '/jobs', { key: tenant.apiKey });
  const { jobs } = (await list.json()) as { jobs: { job_id: string }[] };
  expect(jobs.map((job) => job.job_id)).toEqual([jobId]);
  return jobId;
};

const expectOneRun = async (tenant: TestTenant, jobId: string): Promise<void> => {
  const job = await world.until(tenant, jobId);
  expect(job).toMatchObject({ status: 'succeeded', attempt: 1, platform_failures: 0 });
  const running = (await world.events(tenant, jobId)).filter((event) => event.type === 'status');
  expect(running).toHaveLength(1);
};

describe('an API that dies', () => {
  test('between the commit and the message loses nothing: the sweeper sends it (fault 1)', async () => {
    const tenant = await world.tenant();
    await crew.start();
    for (let round = 0; round < SCALE; round += 1) {
      const own = round === 0 ? tenant : await world.tenant();
      const jobId = await submitThroughCrash(own, 'api.after_commit_before_send');
      expect(await world.job(own, jobId)).toMatchObject({ status: 'pending', attempt: 0 });
      const functions = await startFunctions(world.local, FUNCTIONS_ENV);
      await expectOneRun(own, jobId);
      await functions.stop();
    }
    shown(1, SCALE);
  }, 600_000);

  test('after the message, and the retried send of a lost reply, are one run (fault 2)', async () => {
    await world.local.faults.set([
      { service: 'sqs', operation: 'SendMessage', times: SCALE, fault: { kind: 'drop_reply' } },
    ]);
    const jobs: [TestTenant, string][] = [];
    for (let round = 0; round < SCALE; round += 1) {
      const tenant = await world.tenant();
      jobs.push([tenant, await world.submit(tenant, 'echo once')]);
    }
    const [rule] = await world.local.faults.list();
    expect(rule?.hits).toBe(SCALE);
    const tenant = await world.tenant();
    jobs.push([tenant, await submitThroughCrash(tenant, 'api.after_send')]);
    await Promise.all([crew.start(), crew.start()]);
    for (const [owner, jobId] of jobs) await expectOneRun(owner, jobId);
    shown(2, SCALE + 1);
  }, 600_000);

  test('the sweeper between its send and its note sends twice, and one run comes of it', async () => {
    await world.local.faults.set([
      { service: 'sqs', operation: 'SendMessage', times: 1, fault: { kind: 'lost_message' } },
    ]);
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, 'echo once');
    const doomed = await startFunctions(world.local, {
      ...FUNCTIONS_ENV,
      OUTPOST_FAILPOINTS: 'sweeper.after_send=kill',
    });
    await hasDied(doomed);
    const functions = await startFunctions(world.local, FUNCTIONS_ENV);
    await world.until(tenant, jobId, (job) => job.checks > 0);
    await Promise.all([crew.start(), crew.start()]);
    await expectOneRun(tenant, jobId);
    await functions.stop();
  }, 600_000);
});

test('failpoints are refused in prod and for unknown names', async () => {
  const prod = startApi(world.local, { OUTPOST_ENV: 'prod', OUTPOST_FAILPOINTS: 'api.after_send=kill' });
  await expect(prod).rejects.toThrow('refused in prod');
  await expect(startFunctions(world.local, { OUTPOST_FAILPOINTS: 'nowhere=kill' })).rejects.toThrow(
    'nowhere',
  );
});
