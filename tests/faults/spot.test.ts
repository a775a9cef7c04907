import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import {
  HOOK_MS,
  type Crew,
  expectNoGap,
  hasDied,
  hasStarted,
  hire,
  isRunning,
  startWorld,
  TAKEOVER_MS,
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
      const worker = await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(
        tenant,
        'echo begun; [ -e again ] && exit 0; touch again; (setsid sleep 7781 &); sleep 7781',
      );
      await hasStarted(world, tenant, jobId);
      await eventually(() => isRunning('sleep 7781'));
      await world.local.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
      process.kill(worker.pid, 'SIGTERM');
      await eventually(async () => !(await isRunning('sleep 7781')));
      expect(await world.job(tenant, jobId)).toMatchObject({ status: 'running' });
      await worker.kill();
      await world.local.faults.clear();
      await crew.start();
      const job = await world.until(tenant, jobId, undefined, TAKEOVER_MS);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 1 });
      expectNoGap(await world.events(tenant, jobId));
      expect(await isRunning('sleep 7781')).toBe(false);
      shown(17, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'killed between the hand-back and its message, the job is not lost',
    async () => {
      const doomed = await crew.start({ OUTPOST_FAILPOINTS: 'worker.after_hand_back=kill' });
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, '[ -e again ] && exit 0; touch again; sleep 7782');
      await hasStarted(world, tenant, jobId);
      await eventually(() => isRunning('sleep 7782'));
      process.kill(doomed.pid, 'SIGTERM');
      await hasDied(doomed);
      expect(await isRunning('sleep 7782')).toBe(false);
      expect(await world.job(tenant, jobId)).toMatchObject({ status: 'pending', attempt: 1 });
      await crew.start();
      // Its old message comes back when its visibility ends; the sweeper would look a minute later.
      const job = await world.until(tenant, jobId, undefined, 2 * TAKEOVER_MS);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 0 });
      expectNoGap(await world.events(tenant, jobId));
      shown(17, 1);
    },
    LONG_TEST_MS,
  );
});
