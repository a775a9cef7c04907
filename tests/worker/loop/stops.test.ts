import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { existsSync, rmSync } from 'node:fs';
import { lastEventIds } from '../../../shared/output/seal.ts';
import { claimJob } from '../../../shared/store/jobs/claim-job.ts';
import type { Claim } from '../../../shared/store/jobs/claim-job.ts';
import { endJob } from '../../../shared/store/jobs/end-job.ts';
import type { TestTenant } from '../../harness/outpost.ts';
import { shown } from '../../faults/shown.ts';
import { eventually, LONG_TEST_MS } from '../launcher/probe.ts';
import { allEvents } from '../output/fixture.ts';
import {
  HOOK_MS,
  expectNoGap,
  hasDied,
  hasStarted,
  hasWritten,
  hire,
  isRunning,
  longSleep,
  outputText,
  startWorld,
} from './fixture.ts';
import type { Crew, World } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;

beforeAll(async () => {
  world = await startWorld({ functions: true });
  crew = hire(world);
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

/** Row W1. */
const RELEASED_WITHIN_MS = 115_000;

describe('a worker that is stopped', () => {
  test(
    'hands its job back, counts nothing, and another one runs it (fault 15)',
    async () => {
      const napping = longSleep();
      const worker = await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(
        tenant,
        `[ -e again ] && echo second && exit 0; touch again; echo first; ${napping}`,
      );
      await eventually(() => isRunning(napping));
      const asked = performance.now();
      expect(await worker.stop()).toBe(0);
      expect(performance.now() - asked).toBeLessThan(RELEASED_WITHIN_MS);
      expect(await isRunning(napping)).toBe(false);
      const pending = await world.job(tenant, jobId);
      expect(pending).toMatchObject({ status: 'pending', agent_failures: 0, platform_failures: 0 });
      await crew.start();
      const job = await world.until(tenant, jobId);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 0, agent_failures: 0 });
      const events = await world.events(tenant, jobId);
      expectNoGap(events);
      expect(outputText(events)).toBe('first\nsecond\n');
      expect(events.some((event) => event.type === 'status' && event.status === 'handed_back')).toBe(true);
      shown(15, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'while it claims, starts nothing (fault 16)',
    async () => {
      const worker = await crew.start({ OUTPOST_FAILPOINTS: 'worker.after_claim=sleep:2000' });
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, 'echo once');
      await world.until(tenant, jobId, (job) => job.status === 'running');
      expect(await worker.stop()).toBe(0);
      const back = await world.job(tenant, jobId);
      expect(back).toMatchObject({ status: 'pending', platform_failures: 0 });
      expect(back.agent_started_at).toBeUndefined();
      await crew.start();
      expect(await world.until(tenant, jobId)).toMatchObject({ status: 'succeeded', attempt: 2 });
      shown(16, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'twice, does not wait for S3 any longer',
    async () => {
      const napping = longSleep();
      const worker = await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, `echo first; ${napping}`);
      await hasStarted(world, tenant, jobId);
      await world.local.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
      process.kill(worker.pid, 'SIGTERM');
      await Bun.sleep(3000);
      expect(await world.job(tenant, jobId)).toMatchObject({ status: 'running' });
      const asked = performance.now();
      expect(await worker.stop()).toBe(0);
      // Without the second signal it waits for S3 a minute.
      expect(performance.now() - asked).toBeLessThan(40_000);
      expect(await world.job(tenant, jobId)).toMatchObject({ status: 'pending', platform_failures: 0 });
      expect((await world.cancel(tenant, jobId)).status).toBe(200);
    },
    LONG_TEST_MS,
  );

  test('twice after its agent has ended, ends the job, and says that its output is cut', async () => {
    const napping = longSleep();
    const worker = await crew.start();
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, `echo first; ${napping} & sleep 2; echo last; kill $!`);
    await hasWritten(world, tenant, jobId, 'first');
    await world.local.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
    await eventually(async () => !(await isRunning(napping)));
    await eventually(() => worker.logs().some((line) => line['event'] === 'output.write_failed'));
    process.kill(worker.pid, 'SIGTERM');
    await Bun.sleep(1_000);
    expect(await worker.stop()).toBe(0);
    const job = await world.job(tenant, jobId);
    expect(job).toMatchObject({ status: 'succeeded', output_truncated: true, output_location: null });
    await world.local.faults.clear();
    const events = await world.events(tenant, jobId);
    expectNoGap(events);
    expect(outputText(events)).toBe('first\n');
  });

  test('by the death of its watchdog, hands its job back and leaves nothing of it', async () => {
    const napping = longSleep();
    const worker = await crew.start();
    const tenant = await world.tenant();
    const left = `/tmp/left-by-${tenant.tenantId}`;
    const jobId = await world.submit(tenant, `touch ${left}; ${napping}`);
    await eventually(() => isRunning(napping));
    expect(existsSync(left)).toBe(true);
    process.kill(watchdogOf(worker.pid), 'SIGKILL');
    await hasDied(worker);
    expect(await isRunning(napping)).toBe(false);
    expect(await world.job(tenant, jobId)).toMatchObject({
      status: 'pending',
      agent_failures: 0,
      platform_failures: 0,
    });
    // Below level uid nobody could tell whose it is.
    const isolatesByUid = worker.logs().some((line) => line['isolation'] === 'uid');
    expect(existsSync(left)).toBe(!isolatesByUid);
    rmSync(left, { force: true });
    expect((await world.cancel(tenant, jobId)).status).toBe(200);
  });

  test(
    'idle, ends at once',
    async () => {
      const worker = await crew.start();
      await Bun.sleep(500);
      const asked = performance.now();
      expect(await worker.stop()).toBe(0);
      // Otherwise it would end with its long poll, after 20 s.
      expect(performance.now() - asked).toBeLessThan(15_000);
    },
    LONG_TEST_MS,
  );

  test(
    'by SIGSTOP beyond its lease, commits nothing when it goes on (faults 5, 6)',
    async () => {
      const napping = longSleep();
      const frozen = await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, `echo begun; ${napping}`);
      await hasWritten(world, tenant, jobId, 'begun');
      process.kill(frozen.pid, 'SIGSTOP');
      // What a worker on another machine does when the lease is over.
      const claim = await claimWhenFree(tenant, jobId);
      expect(await isRunning(napping)).toBe(false);
      process.kill(frozen.pid, 'SIGCONT');
      const settled = () =>
        frozen.logs().find((line) => line['event'] === 'job.attempt' && line['job_id'] === jobId);
      await eventually(() => settled() !== undefined);
      expect(settled()).toMatchObject({ settled: 'lease_lost' });
      expect(await world.job(tenant, jobId)).toMatchObject({
        status: 'running',
        attempt: 2,
        lease_token: claim.lease.token,
        output_location: null,
      });
      const sealed = await lastEventIds(world.aws.outputs, tenant.tenantId, jobId, [1]);
      const job = { ...claim.job, sealed };
      await endJob(
        world.aws.store,
        job,
        { guard: 'lease', lease: claim.lease },
        { status: 'succeeded', failure: null, lastEventId: 1e9 },
      );
      expect(
        outputText(
          await allEvents(world.aws.outputs, { ...job, status: 'succeeded', sealed: { ...sealed, 2: 1e9 } }),
        ),
      ).toBe('begun\n');
      shown(5, 1);
      shown(6, 1);
    },
    LONG_TEST_MS,
  );
});

/** The process that the worker has started from watchdog/main.ts. */
const watchdogOf = (workerPid: number): number => {
  const { stdout } = Bun.spawnSync(['ps', '--ppid', String(workerPid), '-o', 'pid=,args=']);
  const line = stdout
    .toString()
    .split('\n')
    .find((each) => each.includes('watchdog/main.ts'));
  return Number(line?.trim().split(' ')[0]);
};

const claimWhenFree = async (
  tenant: TestTenant,
  jobId: string,
): Promise<Extract<Claim, { kind: 'claimed' }>> => {
  for (;;) {
    const claim = await claimJob(world.aws.store, {
      tenantId: tenant.tenantId,
      jobId,
      workerId: 'elsewhere',
      leaseSeconds: 60,
    });
    if (claim.kind === 'claimed') return claim;
    await Bun.sleep(200);
  }
};

test(
  'where a scripted model stands in, a tenant without a key gets it, and the stream says so',
  async () => {
    await crew.start({ OUTPOST_FALLBACK_MODEL_URL: 'http://127.0.0.1:9' });
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, 'test -n "$OPENAI_API_KEY"', { agent: 'keyed' });
    expect(await world.until(tenant, jobId)).toMatchObject({ status: 'succeeded' });
    const [first] = await world.events(tenant, jobId);
    expect(first).toMatchObject({ type: 'status', status: 'running' });
    expect(first).toHaveProperty('message', expect.stringContaining('scripted model'));
  },
  LONG_TEST_MS,
);
