import { afterAll, afterEach, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { join } from 'node:path';
import { sendJob } from '../../shared/queue/send-job.ts';
import { eventually, LONG_TEST_MS } from '../worker/launcher/probe.ts';
import {
  HOOK_MS,
  type Crew,
  expectNoGap,
  hasStarted,
  hire,
  LEASE_SECONDS,
  outputText,
  startWorld,
  TAKEOVER_MS,
  type World,
} from '../worker/loop/fixture.ts';
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

const TEN_MINUTES_MS = 600_000;

const shiftedBy = (milliseconds: number): Record<string, string> => ({
  BUN_OPTIONS: `--preload ${join(import.meta.dir, 'shifted-clock.ts')}`,
  SHIFT_MS: String(milliseconds),
});

/** How far the clock in a worker's log lines is from the true one. */
const skewMs = (logs: readonly Record<string, unknown>[]): number =>
  Date.parse(String(logs[0]?.['at'])) - Date.now();

for (const [holder, other] of [
  [TEN_MINUTES_MS, -TEN_MINUTES_MS],
  [-TEN_MINUTES_MS, TEN_MINUTES_MS],
] as const) {
  test(
    `a clock wrong by ${holder / 60_000} minutes steals no lease and loses none (fault 11)`,
    async () => {
      const tenant = await world.tenant();
      const working = await crew.start(shiftedBy(holder));
      expect(Math.abs(skewMs(working.logs()) - holder)).toBeLessThan(60_000);
      // Twice as long as the lease: it must be renewed all the time.
      const jobId = await world.submit(
        tenant,
        `echo begun; [ -e again ] && exit 0; touch again; sleep ${2 * LEASE_SECONDS}; echo done`,
      );
      const started = await hasStarted(world, tenant, jobId);
      expect(Math.abs((started.lease_expires_at ?? 0) - Date.now() - LEASE_SECONDS * 1000)).toBeLessThan(
        60_000,
      );

      const thief = await crew.start(shiftedBy(other));
      const invite = setInterval(() => void sendJob(world.aws.queues, started), 1_000);
      try {
        await eventually(
          () => thief.logs().filter((line) => line['event'] === 'job.not_claimed').length > LEASE_SECONDS,
        );
      } finally {
        clearInterval(invite);
      }
      const job = await world.until(tenant, jobId);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 1, platform_failures: 0 });
      expect(outputText(await world.events(tenant, jobId))).toBe('begun\ndone\n');
      shown(11, 1);
    },
    LONG_TEST_MS,
  );
}

test(
  'a job whose worker dies is taken by one whose clock is behind, after its lease (fault 11)',
  async () => {
    const tenant = await world.tenant();
    const worker = await crew.start(shiftedBy(TEN_MINUTES_MS));
    const jobId = await world.submit(tenant, 'echo begun; [ -e again ] && exit 0; touch again; sleep 7780');
    await hasStarted(world, tenant, jobId);
    await Bun.sleep(2_000);
    await worker.kill();
    await crew.start(shiftedBy(-TEN_MINUTES_MS));
    const job = await world.until(tenant, jobId, undefined, 2 * TAKEOVER_MS);
    expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 1 });
    expectNoGap(await world.events(tenant, jobId));
    shown(11, 1);
  },
  LONG_TEST_MS,
);
