import { afterAll, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { eventually, LONG_TEST_MS } from '../worker/launcher/probe.ts';
import { HOOK_MS, isRunning, startWorld, type World } from '../worker/loop/fixture.ts';
import { shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

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
/** Found among this machine's processes, where another checkout may run the same test. */
const RUN = crypto.randomUUID();
const MARK = `bomb-${RUN}`;
const FLOOD = `a-flood-of-${RUN}`;
/** A heartbeat is due every fifth of it, and missed when it takes longer than that. */
const LEASE_SECONDS = 50;
const HEARTBEATS = 3;

test.skipIf(python === null)(
  'a fork bomb and a flood at once cost no heartbeat and leave no process (fault 24)',
  async () => {
    const worker = await world.startWorker({ OUTPOST_LEASE_SECONDS: String(LEASE_SECONDS) });
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
echo begun; exec yes ${FLOOD}`;
    const jobId = await world.submit(tenant, script);
    await eventually(() => isRunning(MARK));
    const metric = (name: string): number =>
      worker.logs().reduce((sum, line) => sum + (typeof line[name] === 'number' ? line[name] : 0), 0);
    await eventually(() => metric('Heartbeats') >= HEARTBEATS);
    expect(metric('HeartbeatsMissed')).toBe(0);
    expect((await world.cancel(tenant, jobId)).status).toBe(202);
    await eventually(async () => !(await isRunning(MARK)));
    const job = await world.until(tenant, jobId);
    expect(job).toMatchObject({ status: 'cancelled', attempt: 1, platform_failures: 0 });
    expect(metric('LeasesLost')).toBe(0);
    expect(await isRunning(MARK)).toBe(false);
    expect(await isRunning(FLOOD)).toBe(false);
    shown(24, 1);
  },
  LONG_TEST_MS,
);
