import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { listProcesses } from '../../../worker/launcher/kill.ts';
import { eventually, LONG_TEST_MS } from '../launcher/probe.ts';
import { type Job, attack, canAttack, data, endJob, isolation, newJob, python, start } from './harness.ts';

/** J4: a cancelled tree is dead within 10 s. */
const CANCEL_LIMIT_MS = 10_000;
/** A supervisor whose timers come this late still renews a lease of five minutes, once a minute, in time. */
const TIMER_LAG_LIMIT_MS = 30_000;

const alive = ({ tenant, folders }: Job) =>
  listProcesses(isolation(), { uid: tenant.uid, jobId: folders.jobId });

const FORK_BOMB = `
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
`;

async function timerLagDuring(milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds;
  let worst = 0;
  while (performance.now() < end) {
    const before = performance.now();
    await Bun.sleep(20);
    worst = Math.max(worst, performance.now() - before - 20);
  }
  return worst;
}

describe.skipIf(!canAttack)('a hostile agent is stopped when it', () => {
  afterAll(data.remove);

  test.skipIf(python === null)(
    'fork-bombs: the limit holds, the supervisor stays awake, and the cancel kills all',
    async () => {
      const job = await newJob();
      const agent = start(job, `${python} -c '${FORK_BOMB}'`);
      await eventually(async () => (await alive(job)).length > 100);
      const lag = await timerLagDuring(1_000);
      expect((await alive(job)).length).toBeLessThanOrEqual(200);
      const { milliseconds } = await agent.terminate(200);
      console.log(
        `fork bomb: worst timer lag ${lag.toFixed(0)} ms, dead after ${milliseconds.toFixed(0)} ms`,
      );
      expect(lag).toBeLessThan(TIMER_LAG_LIMIT_MS);
      expect(milliseconds).toBeLessThan(CANCEL_LIMIT_MS);
      expect(await alive(job)).toEqual([]);
      await endJob(job);
    },
    LONG_TEST_MS,
  );

  test(
    'detaches 20 processes by double fork and setsid, which ignore TERM and HUP',
    async () => {
      const job = await newJob();
      const script = `for i in $(seq 20); do
          (setsid sh -c 'trap "" TERM HUP INT; echo $$ > "$HOME/'$i'"; while :; do sleep 60; done' >/dev/null 2>&1 </dev/null &)
        done; while :; do sleep 60; done`;
      const agent = start(job, script);
      await eventually(() => readdirSync(job.folders.home).length === 20);
      const { killed, milliseconds } = await agent.terminate(200);
      expect(killed).toBeGreaterThanOrEqual(20);
      expect(milliseconds).toBeLessThan(CANCEL_LIMIT_MS);
      expect(await alive(job)).toEqual([]);
      await endJob(job);
    },
    LONG_TEST_MS,
  );

  test.skipIf(python === null)(
    'kills the killer: a loop of kill -9 -1 under its own uid',
    async () => {
      const job = await newJob();
      const script = `${python} - <<'END'
import os
print("up", flush=True)
for _ in range(3):
    if os.fork() == 0:
        break
os.setsid() if os.getpid() != os.getpgid(0) else None
while True:
    try:
        os.kill(-1, 9)
    except ProcessLookupError:
        pass
END`;
      const agent = start(job, script);
      await agent.stdout.getReader().read();
      const { milliseconds } = await agent.terminate(0);
      expect(milliseconds).toBeLessThan(CANCEL_LIMIT_MS);
      expect(await alive(job)).toEqual([]);
      await endJob(job);
    },
    LONG_TEST_MS,
  );

  test(
    'hides in a user and PID namespace of its own',
    async () => {
      const job = await newJob();
      const agent = start(
        job,
        'unshare --user --map-root-user --pid --fork --mount-proc sh -c "sleep 600; sleep 600" & wait',
      );
      await eventually(async () => (await alive(job)).length >= 4);
      await agent.terminate(0);
      expect(await alive(job)).toEqual([]);
      await endJob(job);
    },
    LONG_TEST_MS,
  );

  test(
    'dumps core: no core file, and its limit cannot be raised',
    async () => {
      const job = await newJob();
      const output = await attack(
        job,
        `for d in . "$HOME" "$TMPDIR"; do (cd "$d"; ulimit -c unlimited; ulimit -S -c; sh -c 'kill -SEGV $$'); done`,
      );
      expect(output).toMatch(/limit/i);
      const { workspace, home, tmp } = job.folders;
      for (const folder of [workspace, home, tmp]) expect(readdirSync(folder)).toEqual([]);
      await endJob(job);
    },
    LONG_TEST_MS,
  );

  test(
    'writes a file without end',
    async () => {
      const job = await newJob();
      await attack(job, 'cat /dev/zero > huge');
      expect(statSync(join(job.folders.workspace, 'huge')).size).toBe(16 * 1024 * 1024);
      await endJob(job);
    },
    LONG_TEST_MS,
  );

  test(
    'opens files without end',
    async () => {
      const job = await newJob();
      const output = await attack(
        job,
        `bash -c 'for i in $(seq 300); do exec {f}</dev/null || break; done; echo $f'`,
      );
      expect(output).toContain('Too many open files');
      await endJob(job);
    },
    LONG_TEST_MS,
  );

  test(
    'floods its output: a reader that is slow bounds it, not the memory of the supervisor',
    async () => {
      const job = await newJob();
      const agent = start(job, 'yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
      const before = process.memoryUsage().rss;
      const reader = agent.stdout.getReader();
      for (let chunk = 0; chunk < 20; chunk += 1) {
        await reader.read();
        await Bun.sleep(50);
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
      await agent.terminate(0);
      await endJob(job);
    },
    LONG_TEST_MS,
  );
});
