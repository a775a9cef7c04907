import { type Limits, asTenantArgv, launcherArgv, namespaceArgv, tool } from './chain.ts';
import { LaunchError } from './error.ts';
import { runHelper } from './helper.ts';
import { type ToolName, type Tools, findTools } from './tools.ts';
import { type UidRange, assertUidRange, rangeOwner } from './uid-range.ts';

/**
 * How a job is kept apart, strongest first (docs/isolation.md says what each promises):
 * `uid` every tenant has its own; `pid-namespace` the death of a namespace ends the job;
 * `process` the job is told apart by a variable in its environment only.
 */
export type IsolationLevel = 'uid' | 'pid-namespace' | 'process';

export type Isolation = {
  readonly level: IsolationLevel;
  readonly layers: {
    readonly prlimit: boolean;
    readonly nice: boolean;
    readonly choom: boolean;
    readonly setpriv: boolean;
    readonly pidNamespace: boolean;
  };
  /** One line for people: why this level. */
  readonly reason: string;
  readonly tools: Tools;
  readonly uids: UidRange;
};

export type ProbeOptions = {
  /** Where tenants' workspaces lie; it must exist. */
  readonly workspacesRoot: string;
  /** Folders that hold what agents execute. */
  readonly executableRoots: readonly string[];
  /** Fails instead of offering less. */
  readonly required?: IsolationLevel;
  /** Uses this level even where a stronger one works. */
  readonly forced?: IsolationLevel;
  /** The tenants' uids, as the counter allocates them. */
  readonly uids: UidRange;
};

const LEVELS: readonly IsolationLevel[] = ['uid', 'pid-namespace', 'process'];
/** A busy machine must not pass for one that offers less. */
const PROBE_TIMEOUT_MS = 30_000;
const PROBE_LIMITS: Limits = { processes: 64, openFiles: 64, fileSizeBytes: 1024 * 1024 };

type Attempt = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * What this machine offers, found out by doing it rather than by reading versions, in turn (turn.ts). Level `uid` also needs the
 * workspaces and the executables to be reachable by a tenant, which a checkout in a 0700 home is not.
 * Throws LaunchError `isolation_unavailable` when `required` (or `forced`) cannot be met, naming the reason, and
 * `uid_refused` for a range that could hold accounts.
 */
export async function probeIsolation(options: ProbeOptions): Promise<Isolation> {
  assertUidRange(options.uids);
  const tools = findTools();
  const layers = await probeLayers(tools);
  const refusals: string[] = [];
  for (const level of options.forced === undefined ? LEVELS : [options.forced]) {
    const candidate: Isolation = {
      level,
      layers: { ...layers, pidNamespace: level === 'pid-namespace' },
      reason: [...refusals, described(level)].join('; '),
      tools,
      uids: options.uids,
    };
    const attempt = await tryLevel(candidate, options);
    if (attempt.ok) return candidate;
    refusals.push(`no ${level}: ${attempt.reason}`);
    if (level === options.required) break;
  }
  throw new LaunchError('isolation_unavailable', refusals.join('; '));
}

function described(level: IsolationLevel): string {
  if (level === 'uid') return 'each tenant runs under its own uid';
  if (level === 'pid-namespace') return 'each job runs in its own PID namespace, under the uid of the worker';
  return 'jobs run under the uid of the worker and are told apart by their environment only';
}

async function probeLayers(tools: Tools): Promise<Omit<Isolation['layers'], 'pidNamespace'>> {
  const works = async (name: ToolName, ...options: string[]): Promise<boolean> => {
    const path = tools[name];
    return path !== undefined && (await exitsZero([path, ...options, tool(tools, 'sh'), '-c', 'exit 0']));
  };
  const [prlimit, nice, choom, setpriv] = await Promise.all([
    works('prlimit', '--core=0:0', '--nofile=64'),
    works('nice', '-n', '19'),
    works('choom', '-n', '1000', '--'),
    works('setpriv', '--no-new-privs', '--pdeathsig', 'KILL'),
  ]);
  return { prlimit, nice, choom, setpriv };
}

async function tryLevel(candidate: Isolation, options: ProbeOptions): Promise<Attempt> {
  if (candidate.level === 'uid') return tryUid(candidate, options);
  if (candidate.level === 'pid-namespace') return tryNamespace(candidate);
  return { ok: true };
}

/** Runs the whole chain once as a tenant, in every folder that a tenant has to reach. */
async function tryUid(candidate: Isolation, options: ProbeOptions): Promise<Attempt> {
  if (process.platform !== 'linux') return refused('only Linux has the tools for it');
  if (process.getuid?.() !== 0) return refused('the worker is not root');
  const { prlimit, setpriv } = candidate.layers;
  if (!prlimit || !setpriv) return refused('prlimit and setpriv of util-linux are needed');
  const owner = rangeOwner(candidate.uids);
  if (owner !== null) return refused(`the tenants' uids are not free: ${owner}`);
  const uid = candidate.uids.last;
  const sh = tool(candidate.tools, 'sh');
  if (!(await exitsZero([...asTenantArgv(candidate, uid, { dieWithParent: true }), sh, '-c', 'exit 0']))) {
    return refused(`this machine does not let the worker become uid ${uid}`);
  }
  for (const folder of [options.workspacesRoot, ...options.executableRoots]) {
    const argv = [sh, '-c', 'exit 0'];
    const command = { argv, cwd: folder, uid, limits: PROBE_LIMITS };
    if (!(await exitsZero(launcherArgv(candidate, command)))) {
      return refused(`a tenant's uid cannot reach ${folder}`);
    }
  }
  return { ok: true };
}

async function tryNamespace(candidate: Isolation): Promise<Attempt> {
  if (process.platform !== 'linux') return refused('only Linux has them');
  if (candidate.tools.unshare === undefined) return refused('unshare of util-linux is needed');
  if (!(await exitsZero([...namespaceArgv(candidate.tools), tool(candidate.tools, 'sh'), '-c', 'exit 0']))) {
    return refused('this machine does not let the worker make one');
  }
  const argv = [tool(candidate.tools, 'sh'), '-c', '[ -d "/proc/$$" ]'];
  const works = await exitsZero(launcherArgv(candidate, { argv, cwd: '/', uid: null, limits: PROBE_LIMITS }));
  return works ? { ok: true } : refused('the launcher chain does not work inside one');
}

function refused(reason: string): Attempt {
  return { ok: false, reason };
}

async function exitsZero(argv: string[]): Promise<boolean> {
  const { exitCode } = await runHelper(argv, { timeoutMs: PROBE_TIMEOUT_MS });
  return exitCode === 0;
}
