import { afterAll, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { attemptOfEvent } from '../../shared/model/event.ts';
import { type JobRecord, PRIORITIES } from '../../shared/model/job.ts';
import type { TestTenant } from '../harness/outpost.ts';
import { itemsOf } from '../store/fixture.ts';
import { commandsOf } from '../e2e/tenant-processes.ts';
import { eventually } from '../worker/launcher/probe.ts';
import {
  HOOK_MS,
  expectNoGap,
  outputText,
  startWorld,
  TAKEOVER_MS,
  type World,
} from '../worker/loop/fixture.ts';
import { endsOf } from './ends.ts';
import { SCALE, shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;

beforeAll(async () => {
  world = await startWorld({ functions: true });
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);

/** 500 at full scale. A worker takes seconds to start on a busy desk. */
const KILLS = SCALE === 1 ? 12 : 50 * SCALE;
const WORKERS = 3;
const TENANTS = 6;
/** Enough that there is always one to be killed at. */
const JOBS = KILLS + WORKERS;
const LIFE_MAX_MS = 1_500;
/** Leaves a process behind that its agent does not wait for. */
const SCRIPT = 'echo begun; (setsid sleep 7790 >/dev/null 2>&1 &); sleep 0.4; echo done';
const DONE = 'begun\ndone\n';

type Submitted = { readonly tenant: TestTenant; readonly jobId: string };

const submitAll = async (tenants: readonly TestTenant[]): Promise<Submitted[]> => {
  const submitted: Submitted[] = [];
  for (let n = 0; n < JOBS; n += 1) {
    const tenant = tenants[n % tenants.length];
    if (tenant === undefined) throw new Error('no tenant');
    const priority = PRIORITIES[n % PRIORITIES.length];
    const jobId = await world.submit(tenant, SCRIPT, { workspace: `w${n}`, priority });
    submitted.push({ tenant, jobId });
  }
  return submitted;
};

/** Starts a worker and kills it at any moment of its life, again and again. Answers how many were killed. */
const killAll = async (): Promise<number> => {
  let begun = 0;
  let killed = 0;
  const lane = async (): Promise<void> => {
    while (begun < KILLS) {
      begun += 1;
      const worker = await world.startWorker();
      await Bun.sleep(Math.random() * LIFE_MAX_MS);
      await worker.kill();
      killed += 1;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, lane));
  return killed;
};

/** Every attempt wrote a beginning of what it was to write; the one that succeeded, all of it. */
const expectOutput = async ({ tenant, jobId }: Submitted, job: JobRecord): Promise<void> => {
  const events = await world.events(tenant, jobId);
  expectNoGap(events);
  for (let attempt = 1; attempt <= job.attempt; attempt += 1) {
    const text = outputText(events.filter(({ id }) => attemptOfEvent(id) === attempt));
    expect(DONE).toStartWith(text);
    if (job.status === 'succeeded' && attempt === job.attempt) expect(text).toBe(DONE);
  }
};

test(
  'workers killed at random under load: every job ends once, without a gap or a survivor (fault 3)',
  async () => {
    const tenants = await Promise.all(Array.from({ length: TENANTS }, () => world.tenant()));
    const submitted = await submitAll(tenants);
    const killed = await killAll();
    expect(killed).toBe(KILLS);
    await Promise.all(Array.from({ length: WORKERS }, () => world.startWorker()));

    let lost = 0;
    for (const each of submitted) {
      const job = await world.until(each.tenant, each.jobId, undefined, 4 * TAKEOVER_MS + JOBS * 1_000);
      const isLost = job.status === 'failed' && job.failure?.code === 'platform_failure';
      expect(isLost || job.status === 'succeeded').toBe(true);
      expect(job.platform_failures).toBe(isLost ? 3 : Math.min(job.platform_failures, 2));
      lost += job.platform_failures;
      await expectOutput(each, job);
    }
    // The kills met jobs, or this shows nothing.
    expect(lost).toBeGreaterThan(0);
    for (const tenant of tenants) {
      const own = submitted.filter((each) => each.tenant === tenant);
      const ends = await endsOf(world.aws.store, tenant.tenantId);
      expect(ends).toEqual(new Map(own.map(({ jobId }) => [`jobs/${jobId}`, 1])));
      expect(await itemsOf(world.aws.store, tenant.tenantId, 'WORKSPACE#')).toEqual([]);
      for (const { jobId } of own) expect(commandsOf({ uid: null, jobId })).toEqual([]);
      // The worker's own helpers still wipe as the tenant for a moment after the last end.
      await eventually(() => commandsOf({ uid: tenant.tenant.uid, jobId: '' }).length === 0);
    }
    shown(3, killed);
  },
  180_000 + KILLS * 10_000,
);
