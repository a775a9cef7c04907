import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import {
  HOOK_MS,
  type Crew,
  expectNoGap,
  hasDied,
  hasStarted,
  hire,
  leasesEnd,
  longSleep,
  isRunning,
  startWorld,
  type World,
} from '../worker/loop/fixture.ts';
import { eventually, LONG_TEST_MS } from '../worker/launcher/probe.ts';
import { shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;

beforeAll(async () => {
  world = await startWorld({ functions: true });
  crew = hire(world);
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

describe('Spot takes the machine (fault 17)', () => {
  test(
    'killed while the hand-back waits for S3, the job runs again after the lease',
    async () => {
      const napping = longSleep();
      const worker = await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(
        tenant,
        `echo begun; [ -e again ] && exit 0; touch again; (setsid ${napping} &); ${napping}`,
      );
      await hasStarted(world, tenant, jobId);
      await eventually(() => isRunning(napping));
      await world.local.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
      process.kill(worker.pid, 'SIGTERM');
      await eventually(async () => !(await isRunning(napping)));
      expect(await world.job(tenant, jobId)).toMatchObject({ status: 'running' });
      await worker.kill();
      await world.local.faults.clear();
      await leasesEnd(world);
      await crew.start();
      const job = await world.until(tenant, jobId);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 1 });
      expectNoGap(await world.events(tenant, jobId));
      expect(await isRunning(napping)).toBe(false);
      shown(17, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'killed between the hand-back and its message, the job is not lost',
    async () => {
      const napping = longSleep();
      const doomed = await crew.start({ OUTPOST_FAILPOINTS: 'worker.after_hand_back=kill' });
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, `[ -e again ] && exit 0; touch again; ${napping}`);
      await hasStarted(world, tenant, jobId);
      await eventually(() => isRunning(napping));
      process.kill(doomed.pid, 'SIGTERM');
      await hasDied(doomed);
      expect(await isRunning(napping)).toBe(false);
      expect(await world.job(tenant, jobId)).toMatchObject({ status: 'pending', attempt: 1 });
      // Its old message comes back when its visibility ends; the sweeper would look a minute later.
      await leasesEnd(world);
      await crew.start();
      const job = await world.until(tenant, jobId);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 0 });
      expectNoGap(await world.events(tenant, jobId));
      shown(17, 1);
    },
    LONG_TEST_MS,
  );
});
