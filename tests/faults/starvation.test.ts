import { afterAll, afterEach, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { LOW_FIRST_EVERY } from '../../worker/loop/next-message.ts';
import { HOOK_MS, type Crew, hire, startWorld, type World } from '../worker/loop/fixture.ts';
import { LONG_TEST_MS } from '../worker/launcher/probe.ts';
import { shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;

beforeAll(async () => {
  world = await startWorld();
  crew = hire(world);
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

const LOW_JOBS = 2;
/** More than the bound allows before the last low job, so that the queue is never empty until then. */
const HIGH_JOBS = LOW_FIRST_EVERY * (LOW_JOBS + 1);

test(
  'low jobs behind a flood of high ones wait for a bounded number of them (fault 25)',
  async () => {
    const [flooding, patient] = await Promise.all([world.tenant(), world.tenant()]);
    const low: string[] = [];
    for (let n = 0; n < LOW_JOBS; n += 1) {
      low.push(await world.submit(patient, 'true', { priority: 'low' }));
    }
    const high: string[] = [];
    for (let n = 0; n < HIGH_JOBS; n += 1) {
      high.push(await world.submit(flooding, 'true', { priority: 'high' }));
    }
    const worker = await crew.start();
    for (const jobId of [...high, ...low]) {
      await world.until(low.includes(jobId) ? patient : flooding, jobId, undefined, LONG_TEST_MS / 2);
    }

    const order = worker
      .logs()
      .filter((line) => line['event'] === 'job.attempt')
      .map((line) => String(line['job_id']));
    low.forEach((jobId, index) => {
      const position = order.indexOf(jobId) + 1;
      expect(position).toBeGreaterThan(0);
      expect(position).toBeLessThanOrEqual((index + 1) * LOW_FIRST_EVERY);
    });
    shown(25, HIGH_JOBS);
  },
  LONG_TEST_MS,
);
