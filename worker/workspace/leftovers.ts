import { existsSync, readFileSync } from 'node:fs';

import { asTenantArgv, tool } from '../launcher/chain.ts';
import { LaunchError } from '../launcher/error.ts';
import { mustRun, runHelper } from '../launcher/helper.ts';
import type { Isolation } from '../launcher/isolation.ts';

/** Where any user may leave files on Linux. Its own TMPDIR is given to each job, but nothing makes it stay there. */
export const SHARED_FOLDERS = ['/tmp', '/var/tmp', '/dev/shm', '/run/lock', '/dev/mqueue'].filter(existsSync);

const WIPE_TIMEOUT_MS = 120_000;
const IPCRM_TIMEOUT_MS = 30_000;
/** Identifiers a call, far below what a command line holds. */
const IPCRM_BATCH = 1_000;

/**
 * Arguments: find, uid, folders. Most jobs leave nothing there, which one look tells. Folders of others that the
 * tenant cannot enter are errors of find and hold nothing of its own, so the last look decides: it prints what
 * is left.
 */
const WIPE_SHARED = `set -u; find=$1 uid=$2; shift 2
[ -n "$("$find" "$@" -xdev -mindepth 1 -uid "$uid" -print -quit)" ] || exit 0
"$find" "$@" -xdev -mindepth 1 -uid "$uid" -type d ! -perm -700 -execdir chmod u+rwx {} \\;
"$find" "$@" -xdev -mindepth 1 -uid "$uid" -delete
"$find" "$@" -xdev -mindepth 1 -uid "$uid" -print -quit
exit 0`;

/**
 * Deletes, as the tenant, every file of the uid in the folders that all users share. No process of the uid may
 * be alive. Throws LaunchError `wipe_incomplete` when something is left.
 */
export async function wipeSharedFolders(isolation: Isolation, uid: number): Promise<void> {
  const left = await mustRun(
    'wiping the shared folders',
    [
      ...asTenantArgv(isolation, uid, { dieWithParent: true }),
      tool(isolation.tools, 'sh'),
      '-c',
      WIPE_SHARED,
      'sh',
      tool(isolation.tools, 'find'),
      String(uid),
      ...SHARED_FOLDERS,
    ],
    { timeoutMs: WIPE_TIMEOUT_MS },
  );
  if (left !== '') throw new LaunchError('wipe_incomplete', `files of uid ${uid} remain in a shared folder`);
}

/** Removes, as the tenant, its SysV shared memory, queues and semaphores. Throws LaunchError `wipe_incomplete`. */
export async function wipeSysvIpc(isolation: Isolation, uid: number): Promise<void> {
  const options = sysvIpcOf(uid).map(({ option, id }) => [option, id]);
  for (let start = 0; start < options.length; start += IPCRM_BATCH) {
    const argv = [
      ...asTenantArgv(isolation, uid, { dieWithParent: true }),
      tool(isolation.tools, 'ipcrm'),
      ...options.slice(start, start + IPCRM_BATCH).flat(),
    ];
    await runHelper(argv, { timeoutMs: IPCRM_TIMEOUT_MS });
  }
  if (sysvIpcOf(uid).length > 0) throw new LaunchError('wipe_incomplete', `SysV IPC of uid ${uid} remains`);
}

/** Every uid that made or owns SysV IPC. */
export function uidsWithSysvIpc(): number[] {
  return [...new Set(listSysvIpc().flatMap(({ uids }) => uids))];
}

/** What the uid made or owns; one given to another owner can still be removed by its maker. */
function sysvIpcOf(uid: number): SysvIpc[] {
  return listSysvIpc().filter(({ uids }) => uids.includes(uid));
}

/** `option` is the one of ipcrm that removes it. */
type SysvIpc = { readonly option: string; readonly id: string; readonly uids: number[] };

const SYSV_KINDS = [
  { path: '/proc/sysvipc/shm', column: 'shmid', option: '-m' },
  { path: '/proc/sysvipc/msg', column: 'msqid', option: '-q' },
  { path: '/proc/sysvipc/sem', column: 'semid', option: '-s' },
];

function listSysvIpc(): SysvIpc[] {
  return SYSV_KINDS.filter(({ path }) => existsSync(path)).flatMap(({ path, column, option }) => {
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    const [header = [], ...rows] = lines.map((line) => line.trim().split(/\s+/));
    const cell = (row: string[], name: string): string => row[header.indexOf(name)] ?? '';
    return rows.map((row) => ({
      option,
      id: cell(row, column),
      uids: [Number(cell(row, 'uid')), Number(cell(row, 'cuid'))],
    }));
  });
}
