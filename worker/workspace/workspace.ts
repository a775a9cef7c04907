import { rmdir } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';

import { asTenantArgv, tool } from '../launcher/chain.ts';
import { LaunchError } from '../launcher/error.ts';
import { mustRun, runHelper } from '../launcher/helper.ts';
import type { Isolation } from '../launcher/isolation.ts';
import { assertJobId, killAll } from '../launcher/kill.ts';
import { makePrivateFolder, prepareRoot } from './folders.ts';
import { wipeSharedFolders, wipeSysvIpc } from './leftovers.ts';

export type JobFolders = {
  readonly jobId: string;
  readonly workspace: string;
  /** Holds home and tmp, outside the workspace. */
  readonly job: string;
  readonly home: string;
  readonly tmp: string;
};

export type JobFile = { readonly path: string; readonly content: string; readonly mode: number };

const HELPER_TIMEOUT_MS = 30_000;
/** A tenant may have left a million files. */
const DELETE_TIMEOUT_MS = 120_000;

// Every script below is a constant and gets names as arguments: no data is ever part of a command line.

/** Arguments: the tenant's folder, the workspace's name, the job's folder. */
const MAKE_FOLDERS = `set -eu; umask 077; cd -- "$1"
if [ -L "./$2" ]; then exit 65; fi
mkdir -p -- "./$2"; chmod 700 -- "./$2"
cd -- "$3"; mkdir home tmp`;

/** Arguments: path, its folder, mode. The path is new, so that nothing planted there is written through. */
const WRITE_FILE = `set -eu; umask 077; mkdir -p -- "$2"; rm -f -- "$1"; set -C; cat > "$1"; chmod -- "$3" "$1"`;

/** Arguments: find, the folder to empty. Its owner may have locked itself out of parts of it. */
const EMPTY_FOLDER = `set -u; chmod 700 -- "$2"
"$1" "$2" -xdev -mindepth 1 -type d ! -perm -700 -execdir chmod u+rwx {} \\;
exec "$1" "$2" -xdev -mindepth 1 -delete`;

/**
 * The folders of one job: the workspace, which stays, and HOME and TMPDIR, empty and gone after the job. Below
 * the first level everything is done as the tenant. At level uid it first ends what is still alive of the uid,
 * so the caller must hold lockUid. `jobsRoot` defaults to `jobs` beside `root`; neither may be on a path that
 * tenants control. Throws LaunchError `name_refused`, `workspace_refused`, `root_refused`, `helper_failed`,
 * `helper_timeout`, `processes_survived`.
 */
export async function prepareFolders(
  isolation: Isolation,
  job: {
    readonly root: string;
    readonly tenantId: string;
    readonly workspace: string;
    readonly jobId: string;
    readonly uid: number | null;
    readonly jobsRoot?: string;
  },
): Promise<JobFolders> {
  assertName(job.tenantId);
  // The root's own folders, such as the locks, begin with a dot.
  if (job.tenantId.startsWith('.')) throw new LaunchError('name_refused', 'a tenant id begins with no dot');
  assertName(job.workspace);
  const jobId = assertJobId(job.jobId);
  const jobsRoot = job.jobsRoot ?? defaultJobsRoot(job.root);
  const tenantFolder = join(job.root, job.tenantId);
  const jobFolder = join(jobsRoot, jobId);
  if (isolation.level === 'uid') await killAll(isolation, job);
  // A dedicated tenant's root is the tenant's own; nobody else's could be this tenant's.
  await prepareRoot(job.root, job.uid === null ? undefined : { first: job.uid, last: job.uid });
  await prepareRoot(jobsRoot);
  for (const folder of [tenantFolder, jobFolder]) await makePrivateFolder(folder, job.uid);
  await emptyFolder(isolation, jobFolder, job.uid);
  const { exitCode } = await runHelper(
    asOwner(isolation, job.uid, MAKE_FOLDERS, tenantFolder, job.workspace, jobFolder),
    { timeoutMs: HELPER_TIMEOUT_MS },
  );
  if (exitCode !== 0) {
    await emptyFolder(isolation, jobFolder, job.uid);
    await rmdir(jobFolder);
    throw new LaunchError('workspace_refused', `workspace ${job.workspace} is not a folder of the tenant`);
  }
  return {
    jobId,
    workspace: join(tenantFolder, job.workspace),
    job: jobFolder,
    home: join(jobFolder, 'home'),
    tmp: join(jobFolder, 'tmp'),
  };
}

/** Where job folders lie when nothing else is said. */
export function defaultJobsRoot(root: string): string {
  return join(dirname(root), 'jobs');
}

/**
 * Writes an agent's files under the job's HOME or TMPDIR, as the tenant, with exactly the given modes.
 * Throws LaunchError `workspace_refused` for any other place, `helper_failed`, `helper_timeout`.
 */
export async function writeJobFiles(
  isolation: Isolation,
  folders: JobFolders,
  uid: number | null,
  files: readonly JobFile[],
): Promise<void> {
  for (const file of files) {
    const inside = [folders.home, folders.tmp].some((folder) => file.path.startsWith(`${folder}/`));
    if (
      !inside ||
      normalize(file.path) !== file.path ||
      file.path.endsWith('/') ||
      file.path.includes('\0')
    ) {
      throw new LaunchError('workspace_refused', "an agent's file must lie in the job's HOME or TMPDIR");
    }
    const mode = (file.mode & 0o777).toString(8);
    await mustRun(
      "writing an agent's file",
      asOwner(isolation, uid, WRITE_FILE, file.path, dirname(file.path), mode),
      { timeoutMs: HELPER_TIMEOUT_MS, stdin: file.content },
    );
  }
}

/**
 * Leaves nothing of a job but its workspace: no process, no HOME and TMPDIR, and at level uid no file of the
 * tenant in the machine's shared folders and no SysV IPC. Verified. Throws LaunchError `processes_survived`,
 * `wipe_incomplete`, `helper_failed` or `helper_timeout`; the worker must not go on to another tenant then.
 */
export async function wipeAfterJob(
  isolation: Isolation,
  job: { readonly folders: Pick<JobFolders, 'jobId' | 'job'>; readonly uid: number | null },
): Promise<void> {
  await killAll(isolation, { uid: job.uid, jobId: job.folders.jobId });
  await emptyFolder(isolation, job.folders.job, job.uid);
  await rmdir(job.folders.job);
  if (isolation.level !== 'uid' || job.uid === null) return;
  await wipeSharedFolders(isolation, job.uid);
  await wipeSysvIpc(isolation, job.uid);
}

/** Deletes what is in a folder of the tenant, as the tenant. */
export async function emptyFolder(isolation: Isolation, folder: string, uid: number | null): Promise<void> {
  await mustRun(
    'emptying the folder of a job',
    asOwner(isolation, uid, EMPTY_FOLDER, tool(isolation.tools, 'find'), folder),
    { timeoutMs: DELETE_TIMEOUT_MS },
  );
}

/** A script as the tenant, or as ourselves where tenants have no uid. */
function asOwner(isolation: Isolation, uid: number | null, script: string, ...names: string[]): string[] {
  const sh = [tool(isolation.tools, 'sh'), '-c', script, 'sh', ...names];
  if (isolation.level !== 'uid') return sh;
  if (uid === null) throw new LaunchError('uid_refused', 'level uid needs the uid of a tenant');
  return [...asTenantArgv(isolation, uid, { dieWithParent: true }), ...sh];
}

/** Names of tenants and workspaces are folder names. Throws LaunchError `name_refused`. */
function assertName(name: string): void {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name) || name === '.' || name === '..') {
    throw new LaunchError('name_refused', 'names of tenants and workspaces have 1-64 of A-Z a-z 0-9 . _ -');
  }
}
