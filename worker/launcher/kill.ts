import { asTenantArgv, tool } from './chain.ts';
import { LaunchError } from './error.ts';
import { runHelper } from './helper.ts';
import type { Isolation } from './isolation.ts';
import { type ProcessInfo, descendantsOf, processesOfJob, processesOfUid } from './processes.ts';
import { assertTenantUid } from './uid-range.ts';

/** Whose processes: a tenant's uid where the level is `uid`, else the job's marker. */
export type KillTarget = { readonly uid: number | null; readonly jobId: string };

export type KillContext = Pick<Isolation, 'level' | 'tools' | 'uids'>;

/** J4 promises a dead process tree within 10 s of a cancel; the grace before it comes out of the same 10 s. */
const KILL_TIMEOUT_MS = 8_000;
const KILLER_TIMEOUT_MS = 2_000;
const PAUSE_MS = 10;

/** The living processes of the target. Throws LaunchError `uid_refused` or `name_refused`. */
export async function listProcesses(isolation: KillContext, target: KillTarget): Promise<ProcessInfo[]> {
  if (isolation.level === 'uid') return processesOfUid(tenantUid(isolation, target));
  return processesOfJob(assertJobId(target.jobId), isolation.tools);
}

/**
 * Kills every process of the target until two looks in a row find none, and returns how many were found.
 * Throws LaunchError `processes_survived` after 8 s: the caller must then start nothing else on this machine.
 */
export async function killAll(isolation: KillContext, target: KillTarget): Promise<number> {
  const killed = new Set<number>();
  const deadline = performance.now() + KILL_TIMEOUT_MS;
  let emptyLooks = 0;
  while (emptyLooks < 2) {
    const alive = await listProcesses(isolation, target);
    if (alive.length === 0) {
      emptyLooks += 1;
      continue;
    }
    emptyLooks = 0;
    for (const { pid } of alive) killed.add(pid);
    if (performance.now() > deadline) {
      throw new LaunchError('processes_survived', `${alive.length} processes survived ${KILL_TIMEOUT_MS} ms`);
    }
    if (isolation.level === 'uid') await killAsTenant(isolation, tenantUid(isolation, target));
    // A tenant may kill the killer that runs under its uid, but nothing that runs as root.
    for (const { pid } of await listProcesses(isolation, target)) signalProcess(pid, 'SIGKILL');
    await Bun.sleep(PAUSE_MS);
  }
  return killed.size;
}

/**
 * `kill -9 -1` as the tenant: the kernel walks all its processes under one lock, so that a fork bomb cannot
 * outrun it, and can hit nobody else's. The chain carries no process limit, which would keep it from starting.
 * One that is itself killed or too slow is no error: the caller looks again until its own deadline.
 */
async function killAsTenant(isolation: KillContext, uid: number): Promise<void> {
  const asTenant = asTenantArgv(isolation, uid, { dieWithParent: true });
  try {
    await runHelper([...asTenant, tool(isolation.tools, 'sh'), '-c', 'kill -9 -1'], {
      timeoutMs: KILLER_TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof LaunchError && error.code === 'helper_timeout')) throw error;
  }
}

/**
 * Kills the init of the PID namespace that `unshare` (running, ours, not yet reaped) has made; returns how many
 * processes there were. The kernel ends every other process in it before that init counts as dead, so that the
 * end of `unshare` proves the namespace empty.
 */
export function killNamespace(unsharePid: number): number {
  const inside = descendantsOf(unsharePid);
  for (const { pid, parent } of inside) {
    if (parent === unsharePid) signalProcess(pid, 'SIGKILL');
  }
  return inside.length;
}

/** As kill(2): a negative number is a process group. That it has just ended is no error. */
export function signalProcess(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function tenantUid(isolation: KillContext, target: KillTarget): number {
  if (target.uid === null) throw new LaunchError('uid_refused', 'level uid needs the uid of a tenant');
  assertTenantUid(target.uid, isolation.uids);
  return target.uid;
}

/** Job ids become a marker's value and a folder's name. Throws LaunchError `name_refused`. */
export function assertJobId(jobId: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(jobId)) {
    throw new LaunchError('name_refused', 'a job id has 1-64 letters, digits, _ or -');
  }
  return jobId;
}
