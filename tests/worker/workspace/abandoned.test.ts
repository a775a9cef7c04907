import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { listProcesses } from '../../../worker/launcher/kill.ts';
import { launch } from '../../../worker/launcher/launch.ts';
import { wipeAbandoned } from '../../../worker/workspace/abandoned.ts';
import { lockUid } from '../../../worker/workspace/lock.ts';
import { defaultJobsRoot, prepareFolders, wipeAfterJob } from '../../../worker/workspace/workspace.ts';
import { freshUid, isolationOrReason, openFolder, shellSpec } from '../launcher/probe.ts';

const data = openFolder();
afterAll(data.remove);
const offered = await isolationOrReason('uid');

describe.skipIf(offered === null)('wipeAbandoned', () => {
  if (offered === null) return;
  const root = join(data.path, 'workspaces');
  // Only the tenants of this test: others on this machine may be at work without a lock in this root.
  const narrow = (...uids: number[]) => ({
    ...offered,
    uids: { first: Math.min(...uids), last: Math.max(...uids) },
  });

  const leaveThings = async (uid: number) => {
    const jobId = `job-${crypto.randomUUID()}`;
    const folders = await prepareFolders(offered, {
      root,
      tenantId: crypto.randomUUID(),
      workspace: 'w',
      jobId,
      uid,
    });
    const script = `echo kept > kept; echo x > "${folders.home}/x"; mkdir -p /tmp/${jobId}/d; echo x > /dev/shm/${jobId}
      ipcmk -M 4096 >&2; chmod 000 /tmp/${jobId}; (setsid sleep 777 >/dev/null 2>&1 </dev/null &)`;
    const agent = launch(offered, shellSpec(script, { uid, jobId, cwd: folders.workspace }));
    await agent.exited;
    const left = async () => ({
      processes: (await listProcesses(offered, { uid, jobId })).length,
      job: existsSync(folders.job),
      tmp: existsSync(`/tmp/${jobId}`),
      shm: existsSync(`/dev/shm/${jobId}`),
      ipc: readFileSync('/proc/sysvipc/shm', 'utf8').includes(` ${uid} `),
      workspace: existsSync(join(folders.workspace, 'kept')),
    });
    return { folders, left };
  };

  test('takes what dead workers left, not the workspace, and nothing of a tenant being served', async () => {
    const [dead, served] = [freshUid(), freshUid()];
    const abandoned = await leaveThings(dead);
    const working = await leaveThings(served);
    const unlock = await lockUid(root, served);
    const before = { processes: 1, job: true, tmp: true, shm: true, ipc: true, workspace: true };
    expect(await abandoned.left()).toEqual(before);

    const roots = { locksRoot: root, jobsRoot: defaultJobsRoot(root) };
    expect(await wipeAbandoned(narrow(dead, served), roots)).toEqual([dead]);
    expect(await abandoned.left()).toEqual({
      processes: 0,
      job: false,
      tmp: false,
      shm: false,
      ipc: false,
      workspace: true,
    });
    expect(await working.left()).toEqual(before);
    unlock?.();
    await wipeAfterJob(offered, { folders: working.folders, uid: served });
    expect(await wipeAbandoned(narrow(dead, served), roots)).toEqual([]);
  });

  test('does nothing where tenants have no uid', async () => {
    const roots = { locksRoot: root, jobsRoot: defaultJobsRoot(root) };
    expect(await wipeAbandoned({ ...offered, level: 'process' }, roots)).toEqual([]);
  });
});
