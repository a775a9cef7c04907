import { afterAll, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { eventually } from '../worker/launcher/probe.ts';
import { HOOK_MS, isRunning, LEASE_SECONDS, startWorld, type World } from '../worker/loop/fixture.ts';
import { shown } from './shown.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);

/** As a tenant finds it. */
const python = Bun.which('python3', { PATH: '/usr/bin:/bin' });
if (python === null) console.log('skipped: the fork bomb: /usr/bin has no python3');

/** Not the limit of jobs: the machine has others to serve. */
const PROCESSES = 150;
const MARK = 'bomb-7783';

test.skipIf(python === null)(
  'a fork bomb and a flood at once cost no heartbeat and leave no process (fault 24)',
  async () => {
    const worker = await world.startWorker();
    const tenant = await world.tenant();
    const script = `${python} - ${MARK} <<'END' &
import os, resource, time
resource.setrlimit(resource.RLIMIT_NPROC, (${PROCESSES}, ${PROCESSES}))
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
END
echo begun; exec yes a-flood-of-output`;

    setDefaultTimeout(TEST_TIMEOUT_MS);
    const jobId = await world.submit(tenant, script);
    await eventually(() => isRunning(MARK), 20_000);
    const metric = (name: string): number =>
      worker.logs().reduce((sum, line) => sum + (typeof line[name] === 'number' ? line[name] : 0), 0);
    // As many as a lease and a half has.
    await eventually(() => metric('Heartbeats') >= 7, LEASE_SECONDS * 3_000);
    expect(metric('HeartbeatsMissed')).toBe(0);
    expect((await world.cancel(tenant, jobId)).status).toBe(202);
    await eventually(async () => !(await isRunning(MARK)), 15_000);
    const job = await world.until(tenant, jobId, undefined, 60_000);
    expect(job).toMatchObject({ status: 'cancelled', attempt: 1, platform_failures: 0 });
    expect(metric('LeasesLost')).toBe(0);
    expect(await isRunning(MARK)).toBe(false);
    expect(await isRunning('a-flood-of-output')).toBe(false);
    shown(24, 1);
  },
  150_000,
);
