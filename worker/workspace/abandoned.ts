import { existsSync, statSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { asTenantArgv, tool } from '../launcher/chain.ts';
import { runHelper } from '../launcher/helper.ts';
import type { Isolation } from '../launcher/isolation.ts';
import { killAll } from '../launcher/kill.ts';
import { uidsWithProcesses } from '../launcher/processes.ts';
import { SHARED_FOLDERS, uidsWithSysvIpc, wipeSharedFolders, wipeSysvIpc } from './leftovers.ts';
import { lockUid } from './lock.ts';
import { emptyFolder } from './workspace.ts';

const LIST_TIMEOUT_MS = 60_000;

/**
 * Wipes what tenants left on this machine when a worker died in the middle of a job: processes, job folders,
 * files in shared folders, IPC. Tenants that another worker is serving are left alone. For the start of a
 * worker, in turn (launcher/turn.ts); does nothing below level uid, where nobody could tell whose things they are. Returns the wiped uids.
 * Throws as wipeAfterJob does.
 */
export async function wipeAbandoned(
  isolation: Isolation,
  roots: { readonly locksRoot: string; readonly jobsRoot: string },
): Promise<number[]> {
  if (isolation.level !== 'uid') return [];
  const jobFolders = await listJobFolders(roots.jobsRoot);
  const { first, last } = isolation.uids;
  const candidates = [
    ...uidsWithProcesses(),
    ...uidsWithSysvIpc(),
    ...(await uidsWithSharedFiles(isolation)),
    ...jobFolders.map(({ uid }) => uid),
  ];
  const uids = [...new Set(candidates)].filter((uid) => uid >= first && uid <= last);
  const wiped: number[] = [];
  for (const uid of uids) {
    const unlock = await lockUid(roots.locksRoot, uid);
    if (unlock === null) continue;
    try {
      await wipeUid(isolation, uid, jobFolders);
      wiped.push(uid);
    } finally {
      unlock();
    }
  }
  return wiped;
}

type JobFolder = { readonly path: string; readonly uid: number };

async function wipeUid(isolation: Isolation, uid: number, jobFolders: readonly JobFolder[]): Promise<void> {
  await killAll(isolation, { uid, jobId: 'abandoned' });
  for (const folder of jobFolders.filter((job) => job.uid === uid)) {
    // The job may have ended before its uid was locked.
    if (!existsSync(folder.path)) continue;
    await emptyFolder(isolation, folder.path, uid);
    await rmdir(folder.path);
  }
  await wipeSharedFolders(isolation, uid);
  await wipeSysvIpc(isolation, uid);
}

async function listJobFolders(jobsRoot: string): Promise<JobFolder[]> {
  if (!existsSync(jobsRoot)) return [];
  const paths = (await readdir(jobsRoot)).map((name) => join(jobsRoot, name));
  // Other workers' jobs end meanwhile, and their folders go.
  return paths.flatMap((path) => {
    const uid = statSync(path, { throwIfNoEntry: false })?.uid;
    return uid === undefined ? [] : [{ path, uid }];
  });
}

/**
 * The owners of files in the shared folders, and no name that a tenant chose. Looked for as a tenant, who cannot
 * list the roots of workspaces and jobs, wherever they lie.
 */
async function uidsWithSharedFiles(isolation: Isolation): Promise<number[]> {
  const { tools, uids } = isolation;
  const range = ['-uid', `+${uids.first - 1}`, '-uid', `-${uids.last + 1}`];
  const { stdout } = await runHelper(
    [
      ...asTenantArgv(isolation, uids.last, { dieWithParent: true }),
      tool(tools, 'find'),
      ...SHARED_FOLDERS,
      '-xdev',
      '-mindepth',
      '1',
      ...range,
      '-printf',
      '%U\\n',
      '-prune',
    ],
    { timeoutMs: LIST_TIMEOUT_MS },
  );
  return stdout.split('\n').filter(Boolean).map(Number);
}
