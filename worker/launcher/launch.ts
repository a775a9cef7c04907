import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';

import { type Limits, launcherArgv } from './chain.ts';
import { LaunchError } from './error.ts';
import type { Isolation } from './isolation.ts';
import { type KillTarget, assertJobId, killAll, killNamespace, signalProcess } from './kill.ts';
import { JOB_MARKER } from './processes.ts';
import { within } from './within.ts';

export type LaunchSpec = {
  /** The program by its absolute path, and its arguments. */
  readonly argv: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Entered as the tenant, never by the supervisor (at level uid and pid-namespace). */
  readonly cwd: string;
  /** Written, then closed; null is /dev/null. */
  readonly stdin: string | null;
  /** The tenant's uid at level uid, else null. */
  readonly uid: number | null;
  readonly jobId: string;
  readonly limits: Limits;
};

export type AgentExit = { readonly exitCode: number | null; readonly signal: string | null };

export type Termination = {
  readonly survivors: 0;
  /** How many processes were alive after the grace and had to be killed. */
  readonly killed: number;
  readonly milliseconds: number;
};

export type AgentProcess = {
  readonly pid: number;
  /** Both must be read at once. They end when the last process that holds them has ended. */
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** In a PID namespace a signal shows as exit code 128 + n. */
  readonly exited: Promise<AgentExit>;
  /**
   * TERM to the agent's group, up to `graceMs`, then KILL to every process of the job until none is alive,
   * verified. Idempotent: later calls share the first one's end. Throws LaunchError `processes_survived`.
   */
  terminate(graceMs: number): Promise<Termination>;
};

/**
 * Starts an agent isolated, in a session of its own. Throws LaunchError `executable_refused`,
 * `environment_refused`, `name_refused` or `uid_refused`; what fails later in the chain is exit code 126 or 127
 * with its message on stderr.
 */
export function launch(isolation: Isolation, spec: LaunchSpec): AgentProcess {
  assertLaunchable(spec);
  const jobId = assertJobId(spec.jobId);
  const marker = isolation.level === 'uid' ? {} : { [JOB_MARKER]: jobId };
  const child = Bun.spawn(launcherArgv(isolation, spec), {
    cwd: isolation.level === 'process' ? spec.cwd : '/',
    env: { ...spec.env, ...marker },
    stdin: spec.stdin === null ? 'ignore' : new TextEncoder().encode(spec.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
  });
  const exited = child.exited.then(() => ({
    exitCode: child.exitCode,
    signal: child.signalCode === null ? null : String(child.signalCode),
  }));
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  let termination: Promise<Termination> | null = null;
  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    terminate(graceMs) {
      termination ??= terminate(
        isolation,
        { uid: spec.uid, jobId },
        { pid: child.pid, exited, isRunning },
        graceMs,
      );
      return termination;
    },
  };
}

/**
 * What can be said of a launch before it happens. Throws LaunchError `executable_refused` or
 * `environment_refused`.
 */
export function assertLaunchable({ argv, env }: Pick<LaunchSpec, 'argv' | 'env'>): void {
  assertExecutable(argv[0]);
  assertEnvironment(env);
}

/**
 * Kills what a job, or at level uid its whole tenant, left behind after its agent ended; agents leave orphans.
 * Returns how many there were; none is alive afterwards. Throws LaunchError `processes_survived`.
 */
export function killRemains(isolation: Isolation, target: KillTarget): Promise<number> {
  return killAll(isolation, target);
}

/** How long the kernel may take to end a namespace before its processes are looked for one by one. */
const NAMESPACE_END_MS = 2_000;

type Leader = {
  readonly pid: number;
  readonly exited: Promise<AgentExit>;
  readonly isRunning: () => boolean;
};

async function terminate(
  isolation: Isolation,
  target: KillTarget,
  leader: Leader,
  graceMs: number,
): Promise<Termination> {
  const started = performance.now();
  if (leader.isRunning()) {
    signalProcess(-leader.pid, 'SIGTERM');
    await within(leader.exited, graceMs);
  }
  let killed = 0;
  if (isolation.level === 'pid-namespace' && leader.isRunning()) {
    killed += killNamespace(leader.pid);
    await within(leader.exited, NAMESPACE_END_MS);
  }
  killed += await killAll(isolation, target);
  // Its number is ours until it has been reaped; later it may be another's.
  if (leader.isRunning()) signalProcess(-leader.pid, 'SIGKILL');
  await leader.exited;
  return { survivors: 0, killed, milliseconds: performance.now() - started };
}

/** `env` would take a program whose path has a `=` for an assignment. */
function assertExecutable(path: string | undefined): void {
  if (path === undefined || !isAbsolute(path) || path.includes('=') || !existsSync(path)) {
    throw new LaunchError(
      'executable_refused',
      `not an existing absolute path of a program: ${path ?? 'none'}`,
    );
  }
}

/** The chain begins as root with this environment, so nothing in it may steer the dynamic loader. */
function assertEnvironment(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    if (
      !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
      /^(LD_|DYLD_|GCONV_|GLIBC_|LOCPATH|NLSPATH|MALLOC_)/.test(name)
    ) {
      throw new LaunchError('environment_refused', `variable ${name} may not be passed to an agent`);
    }
    if (value.includes('\0')) throw new LaunchError('environment_refused', `variable ${name} holds a NUL`);
  }
}
