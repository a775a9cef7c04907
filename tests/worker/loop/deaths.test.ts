import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sendJob } from '../../../shared/queue/send-job.ts';
import { shown } from '../../faults/shown.ts';
import type { Child } from '../../harness/child.ts';
import { makeSpoolFolder } from '../../../worker/output/spool-folder.ts';
import { eventually, LONG_TEST_MS } from '../launcher/probe.ts';
import {
  HOOK_MS,
  expectNoGap,
  hasDied,
  hasWritten,
  hire,
  isRunning,
  LEASE_SECONDS,
  leasesEnd,
  longSleep,
  outputText,
  startWorld,
  TAKEOVER_MS,
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

/** The canonical line of the attempt that ended a job. */
const lineOf = (worker: Child, jobId: string) =>
  worker
    .logs()
    .find(
      (line) => line['event'] === 'job.attempt' && line['job_id'] === jobId && line['settled'] === 'ended',
    );

describe('a worker that dies', () => {
  test(
    'leaves no orphan, and its job is run again after the lease (fault 3)',
    async () => {
      const napping = longSleep();
      const TMPDIR = mkdtempSync(join(tmpdir(), 'outpost-spools-'));
      const worker = await crew.start({ TMPDIR });
      const [left = ''] = readdirSync(TMPDIR);
      const tenant = await world.tenant();
      const jobId = await world.submit(
        tenant,
        `echo begun; [ -e again ] && exit 0; touch again; setsid ${napping}`,
      );
      await hasWritten(world, tenant, jobId, 'begun');
      await eventually(() => isRunning(napping));
      await worker.kill();
      await eventually(async () => !(await isRunning(napping)));
      expect(readdirSync(join(TMPDIR, left)).length).toBeGreaterThan(1);
      const neighbour = makeSpoolFolder(TMPDIR);
      const successor = await crew.start({ TMPDIR });
      // What the agent wrote is gone from the disk; a living worker keeps its own.
      expect(existsSync(join(TMPDIR, left))).toBe(false);
      expect(existsSync(neighbour.path)).toBe(true);
      neighbour.remove();
      await sendJob(world.aws.queues, await world.job(tenant, jobId));
      // Not while the lease lasts.
      await eventually(() =>
        successor.logs().some((line) => line['event'] === 'job.not_claimed' && line['job_id'] === jobId),
      );
      await leasesEnd(world);
      const job = await world.until(tenant, jobId);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 1 });
      const events = await world.events(tenant, jobId);
      expectNoGap(events);
      expect(outputText(events)).toBe('begun\nbegun\n');
      await crew.dismiss();
      rmSync(TMPDIR, { recursive: true, force: true });
      shown(3, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'wherever it dies, each job ends once',
    async () => {
      const points = [
        'worker.after_receive',
        'worker.after_claim',
        'worker.after_seal',
        'worker.before_launch',
        'worker.after_launch',
        'worker.after_exit',
        'worker.after_output',
        'worker.after_end',
      ];
      const doomed = await Promise.all(
        points.map((point) => crew.start({ OUTPOST_FAILPOINTS: `${point}=kill` })),
      );
      // As many jobs as workers, and each worker dies of the first that it takes.
      const submitted = await Promise.all(
        points.map(async () => {
          const tenant = await world.tenant();
          return { tenant, jobId: await world.submit(tenant, 'echo done') };
        }),
      );
      await Promise.all(doomed.map(hasDied));
      await leasesEnd(world);
      await Promise.all([crew.start(), crew.start()]);
      for (const { tenant, jobId } of submitted) {
        const job = await world.until(tenant, jobId, undefined, TAKEOVER_MS);
        expect(job).toMatchObject({ status: 'succeeded', failure: null });
        const events = await world.events(tenant, jobId);
        expectNoGap(events);
        expect(outputText(events)).toEndWith('done\n');
      }
      shown(3, points.length);
    },
    LONG_TEST_MS,
  );

  test(
    'only nearly: a lease that ends while it wipes does not stop it',
    async () => {
      // Longer than the lease, which is nobody's once the job has ended.
      await crew.start({ OUTPOST_FAILPOINTS: `worker.after_end=sleep:${(LEASE_SECONDS + 2) * 1000}` });
      const tenant = await world.tenant();
      const first = await world.submit(tenant, 'echo first; touch "/tmp/left-$(id -u)"');
      expect(await world.until(tenant, first)).toMatchObject({ status: 'succeeded' });
      const second = await world.submit(tenant, 'ls "/tmp/left-$(id -u)" 2>&1 || echo wiped');
      const job = await world.until(tenant, second, undefined, TAKEOVER_MS);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 1 });
      expect(outputText(await world.events(tenant, second))).toEndWith('wiped\n');
    },
    LONG_TEST_MS,
  );

  test(
    'and errors of ours, three in all, end the job as the platform’s failure',
    async () => {
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, 'echo doomed');
      await world.local.calls.start();
      await hasDied(await crew.start({ OUTPOST_FAILPOINTS: 'worker.after_claim=kill' }));
      await leasesEnd(world);
      const failing = await crew.start({ OUTPOST_FAILPOINTS: 'worker.before_launch=throw' });
      const job = await world.until(tenant, jobId, undefined, 2 * TAKEOVER_MS);
      expect(job).toMatchObject({
        status: 'failed',
        failure: { code: 'platform_failure' },
        // The fourth claim only ends it.
        attempt: 4,
        platform_failures: 3,
      });
      await eventually(() => lineOf(failing, jobId) !== undefined);
      expect(lineOf(failing, jobId)).toMatchObject({ settled: 'ended', failure: 'platform_failure' });
      const metrics = failing.logs().filter((line) => line['JobsFailed'] === 1);
      expect(metrics.map((line) => line['code'])).toEqual(['platform_failure']);
      const calls = await world.local.calls.stop();
      const sends = calls.filter((call) => call.operation === 'SendMessage');
      expect(
        sends.some((call) => call.resources.some((resource) => resource.includes('outpost-jobs-dlq'))),
      ).toBe(true);
    },
    LONG_TEST_MS,
  );
});
