import { afterAll, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createApiDeps, readApiEnv, type ApiDeps } from '../../api/deps.ts';
import { sweep } from '../../api/operations/sweep.ts';
import { receiveJobs } from '../../shared/queue/receive-jobs.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { tenantKey } from '../../shared/store/item-keys.ts';
import { updateItem } from '../../shared/store/update-item.ts';
import { checkDelayMs } from '../../shared/store/jobs/postpone-check.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv, type TestTenant } from '../harness/outpost.ts';
import { addJob, claim, claimed, end, later, LEASE_OVER_MS, read } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** The sweeper sends again what has been silent for too long. On a local AWS of its own: it looks at all jobs. */

const HOUR_MS = 3_600_000;

let local: LocalAws;
let deps: ApiDeps;
let tenant: TestTenant;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true });
  awsOf(local); // Sets the credentials of this process.
  const env = { ...outpostEnv(local), OUTPOST_RESEND_SECONDS: '60' };
  deps = await createApiDeps(readApiEnv(env), { write: () => undefined, streaming: false });
  tenant = await createTestTenant(deps.store);
});
afterAll(() => local.stop());

/** The sweeper, so many milliseconds from now. */
const sweepLater = (ahead: number): ReturnType<typeof sweep> => {
  const store = later(deps.store, ahead);
  const clock = { ...deps.clock, now: store.clock.now };
  return sweep({ ...deps, store, clock });
};

async function sentIds(): Promise<string[]> {
  const options = { max: 10, waitSeconds: 0, visibilitySeconds: 600 };
  const received = await receiveJobs(deps.queues, 'normal', options);
  return received.map(({ message }) => message?.job_id ?? '');
}

test('a pending job without a message is sent after its time, then ever more rarely', async () => {
  const job = await addJob(deps.store, tenant);
  expect(await sweepLater(0)).toEqual({ due: 0, sent: 0, promoted: 0 });
  expect(await sentIds()).toEqual([]);
  let ahead = 61_000;
  for (const wait of [60_000, 120_000, 240_000]) {
    expect(await sweepLater(ahead)).toEqual({ due: 1, sent: 1, promoted: 0 });
    expect(await sentIds()).toEqual([job.job_id]);
    expect(await sweepLater(ahead + wait - 5_000)).toEqual({ due: 0, sent: 0, promoted: 0 });
    ahead += wait + 5_000;
  }
  await end(deps.store, await claimed(deps.store, job));
  expect(await sweepLater(100 * 3_600_000)).toEqual({ due: 0, sent: 0, promoted: 0 });
});

test('the wait doubles to an hour and stays there', () => {
  const waits = [0, 1, 2, 5, 6, 7, 100].map((checks) => checkDelayMs(checks, 60) / 60_000);
  expect(waits).toEqual([1, 2, 4, 32, 60, 60, 60]);
});

test('a running job is sent when its lease has expired, and not before', async () => {
  const job = await addJob(deps.store, tenant);
  await claimed(deps.store, job);
  expect((await sweepLater(LEASE_OVER_MS - 10_000)).sent).toBe(0);
  expect((await sweepLater(LEASE_OVER_MS)).sent).toBe(1);
  expect(await sentIds()).toEqual([job.job_id]);
  const again = await claim(later(deps.store, LEASE_OVER_MS), job);
  if (again.kind !== 'claimed') throw new Error(`the job is ${again.kind}`);
  expect(again.job.platform_failures).toBe(1);
  await end(deps.store, again);
});

test('a parked job whose wake-up was lost is sent with the next sweep, however rarely it is looked at', async () => {
  const [first, second, third] = [
    await addJob(deps.store, tenant, { workspace: 'one' }),
    await addJob(deps.store, tenant, { workspace: 'one', next_check_at: Date.now() + HOUR_MS, checks: 9 }),
    await addJob(deps.store, tenant, { workspace: 'one', next_check_at: Date.now() + HOUR_MS, checks: 9 }),
  ];
  const held = await claimed(deps.store, first);
  for (const job of [second, third]) expect((await claim(deps.store, job)).kind).toBe('parked');
  expect(await sweepLater(0)).toEqual({ due: 0, sent: 0, promoted: 0 });
  await end(deps.store, held);
  expect(await sweepLater(0)).toEqual({ due: 0, sent: 0, promoted: 1 });
  expect(await sentIds()).toEqual([second.job_id]);
  // Should that message be lost as well, it is looked at in a minute.
  expect(await sweepLater(61_000)).toMatchObject({ due: 1, sent: 1 });
  expect(await sentIds()).toContain(second.job_id);
  const again = await claimed(deps.store, second);
  expect((await read(deps.store, second)).parked_for).toBeUndefined();
  await end(deps.store, again);
  await end(deps.store, await claimed(deps.store, third));
});

test('jobs parked under a cap are sent when it is raised, as many as may run', async () => {
  const capped = await createTestTenant(deps.store, { limits: { concurrent_jobs: 1 } });
  const jobs: JobRecord[] = [];
  for (let n = 0; n < 5; n += 1) jobs.push(await addJob(deps.store, capped));
  const [running, ...waiting] = jobs;
  if (running === undefined) throw new Error('no jobs');
  await claimed(deps.store, running);
  for (const job of waiting) expect((await claim(deps.store, job)).kind).toBe('parked');
  expect(await sweepLater(0)).toMatchObject({ promoted: 0 });
  await updateItem(deps.store, 'tenants', tenantKey(capped.tenantId), {
    set: { limits: { concurrent_jobs: 3 } },
  });
  expect(await sweepLater(0)).toMatchObject({ promoted: 2 });
  expect(await sentIds()).toEqual(waiting.slice(0, 2).map(({ job_id }) => job_id));
});
