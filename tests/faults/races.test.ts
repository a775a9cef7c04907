import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { endJob } from '../../shared/store/jobs/end-job.ts';
import type { TestTenant } from '../harness/outpost.ts';
import { HOOK_MS, type Crew, hire, startWorld, type World } from '../worker/loop/fixture.ts';
import { endsOf } from './ends.ts';
import { LONG_TEST_MS } from '../worker/launcher/probe.ts';
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

const AT_ONCE = 10;

/** Calls `race` so many times, a few at once. */
const repeat = async (times: number, race: (n: number) => Promise<void>): Promise<void> => {
  let started = 0;
  const lane = async (): Promise<void> => {
    for (let n = started; n < times; n = started) {
      started += 1;
      await race(n);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
};

const CANCELLED = { status: 'cancelled', failure: { code: 'cancelled', message: 'x' } } as const;

/** Two claims and a cancellation over HTTP, at about the same moment. Answers who came first. */
const race = async (tenant: TestTenant, n: number): Promise<'cancelled' | 'claimed'> => {
  const jobId = await world.submit(tenant, 'echo raced', { workspace: `race-${n}` });
  const claim = async (workerId: string) => {
    await Bun.sleep(Math.random() * 12);
    return claimJob(world.aws.store, { tenantId: tenant.tenantId, jobId, workerId, leaseSeconds: 60 });
  };
  const [answer, ...claims] = await Promise.all([
    Bun.sleep(Math.random() * 6).then(() => world.cancel(tenant, jobId)),
    claim('one'),
    claim('two'),
  ]);
  const [won, ...others] = claims.filter((each) => each.kind === 'claimed');
  expect(others).toEqual([]);
  const job = await world.job(tenant, jobId);
  if (won === undefined) {
    expect(answer.status).toBe(200);
    expect(job).toMatchObject({ status: 'cancelled', attempt: 0 });
    return 'cancelled';
  }
  expect(answer.status).toBe(202);
  expect(job).toMatchObject({ status: 'running', attempt: 1 });
  expect(job.cancel_requested_at).not.toBeNull();
  // The worker does as it was asked, and a second end finds nothing to end.
  const end = () => endJob(world.aws.store, job, { guard: 'lease', lease: won.lease }, CANCELLED);
  expect(await end()).toBe(true);
  expect(await end()).toBe(false);
  return 'claimed';
};

describe('a cancellation that races a claim (fault 23)', () => {
  test(
    'is acknowledged as cancelled only for a job that nobody starts',
    async () => {
      const times = 100 * SCALE;
      const tenants = await Promise.all(Array.from({ length: AT_ONCE }, () => world.tenant()));
      const first = { cancelled: 0, claimed: 0 };
      await repeat(times, async (n) => {
        const tenant = tenants[n % AT_ONCE];
        if (tenant !== undefined) first[await race(tenant, n)] += 1;
      });
      expect(first.cancelled + first.claimed).toBe(times);
      expect(Math.min(first.cancelled, first.claimed)).toBeGreaterThan(0);
      for (const tenant of tenants) {
        const ends = await endsOf(world.aws.store, tenant.tenantId);
        expect(ends.size).toBe(times / AT_ONCE);
        for (const count of ends.values()) expect(count).toBe(1);
      }
      shown(23, times);
    },
    600_000 + SCALE * 60_000,
  );

  test(
    'and real workers never start what was acknowledged as cancelled',
    async () => {
      await Promise.all([crew.start(), crew.start()]);
      const times = 10 * SCALE;
      const tenants = await Promise.all(Array.from({ length: AT_ONCE }, () => world.tenant()));
      await repeat(times, async (n) => {
        const tenant = tenants[n % AT_ONCE];
        if (tenant === undefined) return;
        const jobId = await world.submit(tenant, 'sleep 1', { workspace: `race-${n}` });
        await Bun.sleep(Math.random() * 1_500);
        const answer = await world.cancel(tenant, jobId);
        const job = await world.until(tenant, jobId, undefined, LONG_TEST_MS);
        if (answer.status === 200) {
          expect(job).toMatchObject({ status: 'cancelled', attempt: 0 });
          expect(job.agent_started_at).toBeUndefined();
        } else if (answer.status === 202) {
          // The agent may have come to its end before it was told.
          expect(['cancelled', 'succeeded']).toContain(job.status);
        } else {
          expect(answer.status).toBe(409);
          expect(job.status).toBe('succeeded');
        }
      });
      shown(23, times);
    },
    600_000 + SCALE * 60_000,
  );
});
