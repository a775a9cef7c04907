import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createRateLimiter } from '../../api/rate-limiter.ts';
import type { Aws } from '../../shared/deps.ts';
import { createInProcess, type InProcess } from '../audit/in-process.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant } from '../harness/outpost.ts';
import { createFakeClock } from './fake-clock.ts';
import { limitedKey } from './limited-key.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row A5 through the whole app: instances that share nothing but AWS, and a minute that ends when the test says so. */
const INSTANCES = 20;
const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);
const LIMIT = 100 * SCALE;
/** TTL, which goes by the real time, must not remove the counters. */
const START = 4_102_444_800_000;

let local: LocalAws;
let aws: Aws;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
});
afterAll(() => local.stop());

test(`${INSTANCES} instances of the app at once never let one key through more than ${LIMIT} times in a minute`, async () => {
  const clock = createFakeClock(START);
  const apps: InProcess[] = [];
  for (let count = 0; count < INSTANCES; count += 1) {
    apps.push(
      await createInProcess(local, (deps) => ({
        ...deps,
        rateLimiter: createRateLimiter({ ...deps.store, clock }),
      })),
    );
  }
  const tenant = await createTestTenant(aws.store);
  for (const minute of [1, 2]) {
    const { apiKey } = await limitedKey(aws, tenant.tenantId, LIMIT);
    await local.calls.start();
    const answers = await Promise.all(
      apps.flatMap((app) =>
        Array.from({ length: (2 * LIMIT) / INSTANCES }, () =>
          app.request('GET', '/jobs?limit=1', { key: apiKey }),
        ),
      ),
    );
    const calls = await local.calls.stop();
    // Each instance also notes once that the key was used.
    const leases = calls.filter(({ operation }) => operation === 'UpdateItem').length - INSTANCES;
    const through = answers.filter(({ status }) => status === 200).length;
    console.log(
      `A5: minute ${minute}, ${INSTANCES} apps, limit ${LIMIT}: ${through} of ${answers.length} let through, ` +
        `${leases} writes (${(leases / answers.length).toFixed(3)} a request)`,
    );
    expect(through).toBeLessThanOrEqual(LIMIT);
    // An instance strands at most what it has used.
    expect(through).toBeGreaterThanOrEqual(LIMIT / 2);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(answers.length - through);
    clock.advance(60_000);
  }
});
