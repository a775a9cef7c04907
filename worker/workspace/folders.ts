import { constants } from 'node:fs';
import { chmod, mkdir, open, stat } from 'node:fs/promises';

import { LaunchError } from '../launcher/error.ts';
import type { UidRange } from '../launcher/uid-range.ts';

/**
 * Others may pass through, to reach what is theirs, but neither list nor create. That they cannot list keeps a
 * wipe of /tmp by uid out of workspaces that an operator has put there.
 */
const PASSAGE_MODE = 0o711;
const PRIVATE_MODE = 0o700;

/**
 * Makes a root folder that tenants pass through, with its parents, or checks the one that is there: it must be
 * ours, and nobody else may write to it. `tenants`: it may also belong to one of these uids, where nobody but that
 * tenant has anything in it. Throws LaunchError `root_refused`.
 */
export async function prepareRoot(path: string, tenants?: UidRange): Promise<void> {
  await mkdir(path, { recursive: true, mode: PASSAGE_MODE });
  const { uid, mode } = await stat(path);
  const isTenants = tenants !== undefined && uid >= tenants.first && uid <= tenants.last;
  if ((uid !== ownUid() && !isTenants) || (mode & 0o022) !== 0) {
    throw new LaunchError('root_refused', `${path} must be the worker's own, and writable by nobody else`);
  }
  if ((mode & 0o777) !== PASSAGE_MODE) await chmod(path, PASSAGE_MODE);
}

/**
 * Makes `path` a folder that only `uid` may enter. The parent must be a prepared root, where tenants cannot put
 * anything; still no link is followed and another owner's folder is refused. `uid` null keeps it ours.
 * Throws LaunchError `workspace_refused`.
 */
export async function makePrivateFolder(path: string, uid: number | null): Promise<void> {
  await mkdir(path, { mode: PRIVATE_MODE }).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  const folder = await openFolder(path);
  try {
    const owner = (await folder.stat()).uid;
    const wanted = uid ?? ownUid();
    // Still ours where a worker died between mkdir and chown.
    if (owner !== wanted && owner !== ownUid()) {
      throw new LaunchError('workspace_refused', `${path} belongs to uid ${owner}, not to ${wanted}`);
    }
    if (owner !== wanted) await folder.chown(wanted, wanted);
    else await folder.chmod(PRIVATE_MODE);
  } finally {
    await folder.close();
  }
}

async function openFolder(path: string) {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ELOOP') || hasCode(error, 'ENOTDIR')) {
      throw new LaunchError('workspace_refused', `${path} is not a folder`);
    }
    throw error;
  }
}

function ownUid(): number {
  return process.getuid?.() ?? 0;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
