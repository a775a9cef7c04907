import type { Isolation } from './isolation.ts';
import { LaunchError } from './error.ts';
import type { ToolName, Tools } from './tools.ts';
import { assertTenantUid } from './uid-range.ts';

export type Limits = {
  /** Processes and threads of the tenant at once. */
  readonly processes: number;
  readonly openFiles: number;
  /** The largest file it may write. */
  readonly fileSizeBytes: number;
};

/**
 * Init of a PID namespace: runs the agent as its child, because a program that happens to be process 1 has no
 * default signal actions and reaps nobody. A shell gives a background child /dev/null, hence descriptor 3.
 * When the agent ends this ends, and with it the kernel ends the whole namespace.
 */
const NAMESPACE_INIT = 'unset PWD; exec 3<&0; "$@" <&3 3<&- & agent=$!; exec 3<&- </dev/null; wait "$agent"';

/**
 * The argv that runs `argv` isolated. Every element is data to the next program: there is no shell command
 * line in it. Throws LaunchError `uid_refused` or `isolation_unavailable`.
 */
export function launcherArgv(
  isolation: Isolation,
  command: { argv: readonly string[]; cwd: string; uid: number | null; limits: Limits },
): string[] {
  if (isolation.level === 'uid') {
    if (command.uid === null) throw new LaunchError('uid_refused', 'level uid needs the uid of a tenant');
    return [
      ...limitsArgv(isolation, command.limits),
      ...niceArgv(isolation),
      ...asTenantArgv(isolation, command.uid, { dieWithParent: true }),
      ...enterArgv(isolation.tools, command.cwd),
      ...command.argv,
    ];
  }
  if (isolation.level === 'pid-namespace') {
    return [
      ...niceArgv(isolation),
      ...namespaceArgv(isolation.tools),
      // After unshare, so that it counts this job's processes and not everything its user runs.
      ...limitsArgv(isolation, command.limits),
      ...privilegesArgv(isolation),
      tool(isolation.tools, 'sh'),
      '-c',
      NAMESPACE_INIT,
      'init',
      ...enterArgv(isolation.tools, command.cwd),
      ...command.argv,
    ];
  }
  return [
    // No limit of processes: it would count everything that this user runs on the machine.
    ...limitsArgv(isolation, { ...command.limits, processes: null }),
    ...niceArgv(isolation),
    ...privilegesArgv(isolation),
    ...(isolation.layers.setpriv ? ['--pdeathsig', 'KILL'] : []),
    ...command.argv,
  ];
}

/**
 * Becomes the tenant for good: no group, no capability, no way back through setuid programs. Also the prefix of
 * every helper that touches a tenant's files or processes. Throws LaunchError `uid_refused`.
 */
export function asTenantArgv(
  isolation: Pick<Isolation, 'tools' | 'uids'>,
  uid: number,
  options: { readonly dieWithParent: boolean },
): string[] {
  assertTenantUid(uid, isolation.uids);
  return [
    tool(isolation.tools, 'setpriv'),
    '--reuid',
    String(uid),
    '--regid',
    String(uid),
    '--clear-groups',
    '--no-new-privs',
    '--inh-caps=-all',
    '--bounding-set=-all',
    ...(options.dieWithParent ? ['--pdeathsig', 'KILL'] : []),
  ];
}

/** The absolute path of a tool. Throws LaunchError `isolation_unavailable` when the machine lacks it. */
export function tool(tools: Tools, name: ToolName): string {
  const path = tools[name];
  if (path === undefined) throw new LaunchError('isolation_unavailable', `this machine has no ${name}`);
  return path;
}

/** A new user, process and mount namespace whose /proc shows nothing else. */
export function namespaceArgv(tools: Tools): string[] {
  return [
    tool(tools, 'unshare'),
    '--user',
    '--map-current-user',
    '--pid',
    '--fork',
    '--kill-child=SIGKILL',
    '--mount-proc',
    '--',
  ];
}

/** Changes folder as whom the chain has become by then, so that the supervisor follows no path of a tenant. */
function enterArgv(tools: Tools, cwd: string): string[] {
  return [tool(tools, 'env'), '-C', cwd];
}

function limitsArgv(
  isolation: Isolation,
  limits: Omit<Limits, 'processes'> & { processes: number | null },
): string[] {
  if (!isolation.layers.prlimit) return [];
  return [
    tool(isolation.tools, 'prlimit'),
    ...(limits.processes === null ? [] : [`--nproc=${limits.processes}`]),
    `--nofile=${limits.openFiles}`,
    `--fsize=${limits.fileSizeBytes}`,
    // A core file would hold the tenant's key.
    '--core=0:0',
  ];
}

/** The agent gives way to the supervisor for CPU, and is the kernel's first choice when memory runs out. */
function niceArgv({ layers, tools }: Isolation): string[] {
  return [
    ...(layers.nice ? [tool(tools, 'nice'), '-n', '19'] : []),
    ...(layers.choom ? [tool(tools, 'choom'), '-n', '1000', '--'] : []),
  ];
}

function privilegesArgv({ layers, tools }: Isolation): string[] {
  return layers.setpriv ? [tool(tools, 'setpriv'), '--no-new-privs'] : [];
}
