import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type { Isolation, IsolationLevel } from '../../../worker/launcher/isolation.ts';
import { type KillTarget, killAll, listProcesses } from '../../../worker/launcher/kill.ts';
import { launch } from '../../../worker/launcher/launch.ts';
import { startWatchdog } from '../../../worker/watchdog/watchdog.ts';
import { lockUid } from '../../../worker/workspace/lock.ts';
import { eventually, freshUid, isolationOrReason, LONG_TEST_MS, shellSpec } from '../launcher/probe.ts';

const LEVELS: IsolationLevel[] = ['uid', 'pid-namespace', 'process'];
/** Half of it is the margin of supervisor.ts: time for the kill, and before it for the start of the agent. */
const DEADLINE_MS = 12_000;

for (const level of LEVELS) {
  const offered = await isolationOrReason(level);
  describe.skipIf(offered === null)(`the watchdog at level ${level}`, () => {
    if (offered !== null) sharedBehaviour(offered);
  });
}

function targetOf(isolation: Isolation) {
  return { uid: isolation.level === 'uid' ? freshUid() : null, jobId: `job-${crypto.randomUUID()}` };
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

const locksRoot = join(mkdtempSync(join(tmpdir(), 'outpost-watchdog-')), 'locks');
afterAll(() => rmSync(dirname(locksRoot), { recursive: true }));

const supervisors: Bun.Subprocess[] = [];
// Also after a failed test: none may outlive it.
afterEach(() => {
  for (const supervisor of supervisors.splice(0)) supervisor.kill('SIGKILL');
});

async function startSupervisor(isolation: Isolation, target: KillTarget, ms: number) {
  const argv = [isolation.level, String(target.uid), target.jobId, String(ms), locksRoot];
  const child = Bun.spawn([process.execPath, join(import.meta.dirname, 'supervisor.ts'), ...argv], {
    cwd: '/',
    env: {},
    stdout: 'pipe',
    stderr: 'ignore',
  });
  supervisors.push(child);
  const { value } = await child.stdout.getReader().read();
  const said: { watchdog: number; guardedAt: number } = JSON.parse(new TextDecoder().decode(value));
  return { child, ...said };
}

function sharedBehaviour(isolation: Isolation): void {
  const alive = async (target: KillTarget) => (await listProcesses(isolation, target)).length;

  test(
    'a stopped supervisor: everything is dead before the deadline',
    async () => {
      const target = targetOf(isolation);
      const { child, watchdog, guardedAt } = await startSupervisor(isolation, target, DEADLINE_MS);
      child.kill('SIGSTOP');
      expect(await alive(target)).toBeGreaterThanOrEqual(21);
      await eventually(async () => (await alive(target)) === 0);
      expect(Date.now() - guardedAt).toBeLessThan(DEADLINE_MS);
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await eventually(() => !isRunning(watchdog));
    },
    LONG_TEST_MS,
  );

  test(
    'a killed supervisor leaves no survivor, long before the deadline, and no watchdog',
    async () => {
      const target = targetOf(isolation);
      const { child, watchdog } = await startSupervisor(isolation, target, 600_000);
      expect(await alive(target)).toBeGreaterThanOrEqual(21);
      child.kill('SIGKILL');
      await eventually(async () => (await alive(target)) === 0);
      await eventually(() => !isRunning(watchdog));
      await child.exited;
    },
    LONG_TEST_MS,
  );
}

const byUid = await isolationOrReason('uid');

describe.skipIf(byUid === null)('the watchdog of a dead worker at level uid', () => {
  if (byUid === null) return;

  test(
    'lets what another worker has started since live',
    async () => {
      const target = targetOf(byUid);
      const { child, watchdog } = await startSupervisor(byUid, target, 600_000);
      const unlock = await lockUid(locksRoot, target.uid ?? 0);
      child.kill('SIGKILL');
      await eventually(() => !isRunning(watchdog));
      expect((await listProcesses(byUid, target)).length).toBeGreaterThanOrEqual(20);
      unlock?.();
      await killAll(byUid, target);
    },
    LONG_TEST_MS,
  );
});

const isolation = await isolationOrReason('process');

describe('the watchdog', () => {
  if (isolation === null) throw new Error('level process works everywhere');
  const alive = async (target: KillTarget) => (await listProcesses(isolation, target)).length;

  test(
    'polite signals do not end it',
    async () => {
      const target = targetOf(isolation);
      const { child, watchdog } = await startSupervisor(isolation, target, 600_000);
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(watchdog, signal);
      await Bun.sleep(200);
      expect(isRunning(watchdog)).toBe(true);
      child.kill('SIGKILL');
      await eventually(async () => (await alive(target)) === 0);
      await eventually(() => !isRunning(watchdog));
    },
    LONG_TEST_MS,
  );

  test(
    'renewals keep the agent alive past the first deadline; an expired job stays dead when started late',
    async () => {
      const target = targetOf(isolation);
      const watchdog = await startWatchdog(isolation, { locksRoot, marginMs: 100 });
      watchdog.guard(target, 7_000);
      const agent = launch(isolation, shellSpec('sleep 777', target));
      for (let renewal = 0; renewal < 4; renewal += 1) {
        await Bun.sleep(2_000);
        watchdog.guard(target, 7_000);
      }
      expect(await alive(target)).toBeGreaterThanOrEqual(1);
      await agent.exited;
      const late = launch(isolation, shellSpec('sleep 777', target));
      await late.exited;
      await eventually(async () => (await alive(target)) === 0);
      await watchdog.close();
    },
    LONG_TEST_MS,
  );

  test(
    'a released target is let live, and close ends the watchdog',
    async () => {
      const target = targetOf(isolation);
      const watchdog = await startWatchdog(isolation, { locksRoot, marginMs: 100 });
      watchdog.guard(target, 2_000);
      const agent = launch(isolation, shellSpec('sleep 777', target));
      watchdog.release();
      await Bun.sleep(3_000);
      expect(await alive(target)).toBeGreaterThanOrEqual(1);
      await watchdog.close();
      expect(isRunning(watchdog.pid)).toBe(false);
      expect(await alive(target)).toBeGreaterThanOrEqual(1);
      await agent.terminate(0);
    },
    LONG_TEST_MS,
  );

  test(
    'close with a target that was not released kills it',
    async () => {
      const target = targetOf(isolation);
      const watchdog = await startWatchdog(isolation, { locksRoot });
      watchdog.guard(target, 600_000);
      const agent = launch(isolation, shellSpec('sleep 777', target));
      await watchdog.close();
      expect(await alive(target)).toBe(0);
      await agent.exited;
    },
    LONG_TEST_MS,
  );

  test(
    'the death of the watchdog is noticed, and nothing is guarded by a dead one',
    async () => {
      const watchdog = await startWatchdog(isolation, { locksRoot });
      process.kill(watchdog.pid, 'SIGKILL');
      await watchdog.exited;
      expect(() => watchdog.guard(targetOf(isolation), 1_000)).toThrow('the watchdog has ended');
    },
    LONG_TEST_MS,
  );
});
