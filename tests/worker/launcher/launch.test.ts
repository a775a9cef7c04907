import { describe, expect, test, setDefaultTimeout } from 'bun:test';
import { readFileSync } from 'node:fs';

import type { Isolation, IsolationLevel } from '../../../worker/launcher/isolation.ts';
import { type KillTarget, listProcesses } from '../../../worker/launcher/kill.ts';
import { killRemains, launch } from '../../../worker/launcher/launch.ts';
import {
  eventually,
  freshUid,
  isolationOrReason,
  LONG_TEST_MS,
  openFolder,
  PATIENCE_MS,
  shellSpec,
} from './probe.ts';

setDefaultTimeout(LONG_TEST_MS);

/** 20 processes that leave the group, the session and the parent. */
const ESCAPE = 'for i in $(seq 20); do (setsid sleep 779 >/dev/null 2>&1 </dev/null &); done';

/** How many have really left: until its exec a child still sits in the group that TERM reaches. */
async function escapees(isolation: Isolation, target: KillTarget): Promise<number> {
  const alive = await listProcesses(isolation, target);
  return alive.filter(({ pid }) => commandLine(pid) === 'sleep 779').length;
}

function commandLine(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return null;
    throw error;
  }
}

const LEVELS: IsolationLevel[] = ['uid', 'pid-namespace', 'process'];

for (const level of LEVELS) {
  const isolation = await isolationOrReason(level);
  describe.skipIf(isolation === null)(`launch at level ${level}`, () => {
    if (isolation !== null) sharedBehaviour(isolation);
  });
}

function sharedBehaviour(isolation: Isolation): void {
  const uid = isolation.level === 'uid' ? freshUid() : null;
  const spec = (script: string, overrides = {}) => shellSpec(script, { uid, ...overrides });

  test('hands over stdin and closes it, and gives stdout, stderr and the exit code', async () => {
    const agent = launch(isolation, spec('cat; echo oops >&2; exit 7', { stdin: 'do this\n' }));
    const [stdout, stderr, exit] = await Promise.all([
      new Response(agent.stdout).text(),
      new Response(agent.stderr).text(),
      agent.exited,
    ]);
    expect({ stdout, stderr, exit }).toEqual({
      stdout: 'do this\n',
      stderr: 'oops\n',
      exit: { exitCode: 7, signal: null },
    });
  });

  test('an agent that never reads a long prompt still ends', async () => {
    const agent = launch(isolation, spec('exit 0', { stdin: 'x'.repeat(1_000_000) }));
    expect(await agent.exited).toEqual({ exitCode: 0, signal: null });
  });

  test('the environment is the given one and nothing of the supervisor', async () => {
    process.env['OUTPOST_TEST_SECRET'] = 'platform secret';
    const jobId = `job-${crypto.randomUUID()}`;
    const env = { PATH: '/usr/bin:/bin', KEY: 'value' };
    const agent = launch(isolation, {
      ...spec('', { env, jobId }),
      argv: ['/usr/bin/env'],
    });
    const lines = (await new Response(agent.stdout).text()).trim().split('\n').toSorted();
    delete process.env['OUTPOST_TEST_SECRET'];
    const marker = isolation.level === 'uid' ? [] : [`OUTPOST_JOB_ID=${jobId}`];
    expect(lines).toEqual(['KEY=value', ...marker, 'PATH=/usr/bin:/bin'].toSorted());
  });

  test('it runs in the given folder', async () => {
    const folder = openFolder();
    const agent = launch(isolation, spec('pwd', { cwd: folder.path }));
    expect(await new Response(agent.stdout).text()).toBe(`${folder.path}\n`);
    folder.remove();
  });

  test('limits of files, file size and core dumps hold', async () => {
    const agent = launch(isolation, spec('ulimit -n; ulimit -f; ulimit -c; ulimit -H -c'));
    const lines = (await new Response(agent.stdout).text()).trim().split('\n');
    expect(lines).toEqual(['256', String((16 * 1024 * 1024) / 512), '0', '0']);
  });

  test('a polite agent ends at TERM and nothing has to be killed', async () => {
    const agent = launch(isolation, spec('trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done'));
    await agent.stdout.getReader().read();
    const { killed } = await agent.terminate(PATIENCE_MS);
    expect(killed).toBe(0);
    expect((await agent.exited).exitCode).toBe(5);
  });

  test('a stubborn agent and 20 escapees are dead after the grace', async () => {
    const jobId = `job-${crypto.randomUUID()}`;
    const agent = launch(isolation, spec(`${ESCAPE}; trap '' TERM; sleep 777; sleep 777`, { jobId }));
    await eventually(async () => (await escapees(isolation, { uid, jobId })) === 20);
    const { killed, milliseconds } = await agent.terminate(100);
    expect(killed).toBeGreaterThanOrEqual(20);
    expect(milliseconds).toBeLessThan(10_000);
    expect(await listProcesses(isolation, { uid, jobId })).toEqual([]);
    await agent.exited;
  });

  test('terminate can be asked for twice and after the end', async () => {
    const agent = launch(isolation, spec('sleep 777'));
    const [first, second] = await Promise.all([agent.terminate(1_000), agent.terminate(0)]);
    expect(second).toEqual(first);
    const ended = launch(isolation, spec('exit 0'));
    await ended.exited;
    expect((await ended.terminate(1_000)).killed).toBe(0);
  });

  test('what a normal end leaves behind is killed and counted', async () => {
    const jobId = `job-${crypto.randomUUID()}`;
    const agent = launch(isolation, spec(`${ESCAPE}; sleep 0.3`, { jobId }));
    await agent.exited;
    // The end of a PID namespace has already taken them along.
    const expected = isolation.level === 'pid-namespace' ? 0 : 20;
    expect(await killRemains(isolation, { uid, jobId })).toBe(expected);
    expect(await killRemains(isolation, { uid, jobId })).toBe(0);
  });

  test('a program that is missing, relative or looks like an assignment is refused', () => {
    for (const program of ['/nonexistent', 'sh', './sh', '/tmp/a=b']) {
      expect(() => launch(isolation, { ...spec(''), argv: [program] })).toThrow('absolute path');
    }
  });

  test('variables that steer the dynamic loader are refused', () => {
    for (const name of ['LD_PRELOAD', 'LD_LIBRARY_PATH', 'GCONV_PATH', 'A=B', '']) {
      expect(() => launch(isolation, spec('', { env: { [name]: 'x' } }))).toThrow('may not be passed');
    }
  });

  test('job ids that are no names are refused', () => {
    for (const jobId of ['', '../x', 'a b', 'a\0b', '-x']) {
      expect(() => launch(isolation, spec('', { jobId }))).toThrow('job id');
    }
  });
}

const byUid = await isolationOrReason('uid');

describe.skipIf(byUid === null)('level uid', () => {
  if (byUid === null) return;

  test('the agent is the tenant, without groups, capabilities or a way back', async () => {
    const uid = freshUid();
    const agent = launch(
      byUid,
      shellSpec('cat /proc/self/status; nice; cat /proc/self/oom_score_adj', { uid }),
    );
    const status = await new Response(agent.stdout).text();
    expect(status).toContain(`Uid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
    expect(status).toContain(`Gid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
    expect(status).toMatch(/^Groups:\s*$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'));
    }
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status.trim().split('\n').slice(-2)).toEqual(['19', '1000']);
  });

  test('it has its own session, so that signals of the terminal pass it by', async () => {
    const agent = launch(byUid, shellSpec('cut -d" " -f1,5,6 /proc/$$/stat', { uid: freshUid() }));
    const [pid, group, session] = (await new Response(agent.stdout).text()).trim().split(' ');
    expect([pid, group, session]).toEqual(Array(3).fill(String(agent.pid)));
  });

  test('no start and no kill under root, a system account or another range', async () => {
    for (const uid of [0, 1, 1000, 65_534, -1, 1.5, Number.NaN, 4_294_967_295, 2_000_000_000]) {
      expect(() => launch(byUid, shellSpec('id', { uid }))).toThrow('outside the tenant range');
      await expect(killRemains(byUid, { uid, jobId: 'job' })).rejects.toThrow('outside the tenant range');
    }
    expect(() => launch(byUid, shellSpec('id', { uid: null }))).toThrow('needs the uid');
  });

  test('the processes of another tenant live on', async () => {
    const [mine, other] = [freshUid(), freshUid()];
    const bystander = launch(byUid, shellSpec('sleep 777', { uid: other }));
    const agent = launch(byUid, shellSpec('sleep 777', { uid: mine }));
    await eventually(async () => (await listProcesses(byUid, { uid: other, jobId: 'job' })).length > 0);
    await agent.terminate(0);
    expect(await listProcesses(byUid, { uid: other, jobId: 'job' })).not.toEqual([]);
    await bystander.terminate(0);
  });

  test('a process whose first thread has ended is no zombie to us', async () => {
    const python = Bun.which('python3', { PATH: '/usr/bin:/bin' });
    if (python === null) {
      console.log('skipped: no python3 in /usr/bin');
      return;
    }
    const uid = freshUid();
    const script =
      'import ctypes,threading,time\nthreading.Thread(target=time.sleep,args=(777,)).start()\n' +
      'print("ready",flush=True)\nctypes.CDLL(None).pthread_exit(None)';
    const agent = launch(byUid, { ...shellSpec('', { uid }), argv: [python, '-c', script] });
    await agent.stdout.getReader().read();
    await eventually(async () => (await Bun.file(`/proc/${agent.pid}/status`).text()).includes('State:\tZ'));
    expect(await listProcesses(byUid, { uid, jobId: 'job' })).toHaveLength(1);
    expect(await killRemains(byUid, { uid, jobId: 'job' })).toBe(1);
  });
});
