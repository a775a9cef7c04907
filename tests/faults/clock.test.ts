import { expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { join } from 'node:path';
import type { JobRecord } from '../../shared/model/job.ts';
import { LONG_TEST_MS } from '../worker/launcher/probe.ts';
import {
  expectNoGap,
  hasStarted,
  LEASE_SECONDS,
  leasesEnd,
  longSleep,
  outputText,
  startWorld,
  type World,
} from '../worker/loop/fixture.ts';
import { shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Each in a world of its own, so that the two that wait for real leases can wait at the same time. */
const testInWorld = (name: string, run: (world: World) => Promise<void>): void =>
  test.concurrent(
    name,
    async () => {
      const world = await startWorld({ functions: true });
      try {
        await run(world);
      } finally {
        await world.stop();
      }
    },
    LONG_TEST_MS,
  );

const TEN_MINUTES_MS = 600_000;

const shiftedBy = (milliseconds: number): Record<string, string> => ({
  BUN_OPTIONS: `--preload ${join(import.meta.dir, 'shifted-clock.ts')}`,
  SHIFT_MS: String(milliseconds),
});

/** How far the clock in a worker's log lines is from the true one. */
const skewMs = (logs: readonly Record<string, unknown>[]): number =>
  Date.parse(String(logs[0]?.['at'])) - Date.now();

/**
 * What the claims of another machine with such a clock come to, until the job has ended: one of this machine
 * would wait for the tenant's uid.
 */
const claimAgain = async (
  { local }: World,
  { tenant_id, job_id }: JobRecord,
  env: Record<string, string>,
): Promise<string[]> => {
  const { accessKeyId, secretAccessKey } = local.credentials;
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, 'claim-again.ts'),
      local.endpoint,
      accessKeyId,
      secretAccessKey,
      tenant_id,
      job_id,
    ],
    { env: { ...process.env, ...env }, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
  );
  const kinds = (await new Response(child.stdout).text()).trim().split('\n');
  expect(await child.exited).toBe(0);
  return kinds;
};

for (const [holder, other] of [
  [TEN_MINUTES_MS, -TEN_MINUTES_MS],
  [-TEN_MINUTES_MS, TEN_MINUTES_MS],
] as const) {
  testInWorld(
    `a clock wrong by ${holder / 60_000} minutes steals no lease and loses none (fault 11)`,
    async (world) => {
      const tenant = await world.tenant();
      const working = await world.startWorker(shiftedBy(holder));
      expect(Math.abs(skewMs(working.logs()) - holder)).toBeLessThan(60_000);
      // Longer than the lease and the margin of a claim: it must be renewed all the time.
      const jobId = await world.submit(
        tenant,
        `echo begun; [ -e again ] && exit 0; touch again; sleep ${1.5 * LEASE_SECONDS}; echo done`,
      );
      const started = await hasStarted(world, tenant, jobId);
      expect(Math.abs((started.lease_expires_at ?? 0) - Date.now() - LEASE_SECONDS * 1000)).toBeLessThan(
        60_000,
      );

      const claims = await claimAgain(world, started, shiftedBy(other));
      const job = await world.until(tenant, jobId);
      expect(job).toMatchObject({ status: 'succeeded', attempt: 1, platform_failures: 0 });
      expect(outputText(await world.events(tenant, jobId))).toBe('begun\ndone\n');
      expect(claims.pop()).toBe('ended');
      expect(claims.length).toBeGreaterThan(0);
      expect(claims.filter((kind) => kind !== 'held')).toEqual([]);
      shown(11, 1);
    },
  );
}

testInWorld(
  'a job whose worker dies is taken by one whose clock is behind, after its lease (fault 11)',
  async (world) => {
    const napping = longSleep();
    const tenant = await world.tenant();
    const worker = await world.startWorker(shiftedBy(TEN_MINUTES_MS));
    const jobId = await world.submit(tenant, `echo begun; [ -e again ] && exit 0; touch again; ${napping}`);
    await hasStarted(world, tenant, jobId);
    await Bun.sleep(2_000);
    await worker.kill();
    await leasesEnd(world);
    await world.startWorker(shiftedBy(-TEN_MINUTES_MS));
    const job = await world.until(tenant, jobId);
    expect(job).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 1 });
    expectNoGap(await world.events(tenant, jobId));
    shown(11, 1);
  },
);
