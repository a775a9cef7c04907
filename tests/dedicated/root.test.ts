import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { prepareRoot } from '../../worker/workspace/folders.ts';
import { prepareFolders, wipeAfterJob } from '../../worker/workspace/workspace.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { freshUid, isolationOrReason, openFolder, TEST_UIDS } from '../worker/launcher/probe.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * The access point of a dedicated tenant makes everything in it the tenant's own, the root of the workspaces
 * included: what a chown does here, where there is no EFS.
 */
const data = openFolder();
// Passed through and not listed, like every folder that holds workspaces: a wipe of /tmp looks for the uid's files.
chmodSync(data.path, 0o711);
afterAll(() => data.remove());

const byUid = await isolationOrReason('uid');

describe.skipIf(byUid === null)('a root of workspaces that is a tenant’s own', () => {
  if (byUid === null) return;

  const rootOf = (uid: number, mode = 0o700): string => {
    const root = join(data.path, crypto.randomUUID());
    mkdirSync(root);
    chownSync(root, uid, uid);
    chmodSync(root, mode);
    return root;
  };
  const jobOf = (root: string, uid: number) => ({
    root,
    tenantId: crypto.randomUUID(),
    workspace: 'w',
    jobId: crypto.randomUUID(),
    uid,
    jobsRoot: join(data.path, 'jobs'),
  });

  test('is taken by a worker of one tenant, and by no other', async () => {
    const root = rootOf(freshUid());
    await expect(prepareRoot(root)).rejects.toMatchObject({ code: 'root_refused' });
    await prepareRoot(root, TEST_UIDS);
    await expect(prepareRoot(rootOf(TEST_UIDS.last + 1), TEST_UIDS)).rejects.toMatchObject({
      code: 'root_refused',
    });
    await expect(prepareRoot(rootOf(freshUid(), 0o777), TEST_UIDS)).rejects.toMatchObject({
      code: 'root_refused',
    });
  });

  test('holds the folders of that tenant’s jobs, and of nobody else’s', async () => {
    const uid = freshUid();
    const root = rootOf(uid);
    const job = jobOf(root, uid);
    const folders = await prepareFolders(byUid, job);
    expect(statSync(folders.workspace)).toMatchObject({ uid });
    await wipeAfterJob(byUid, { folders, uid });
    await expect(prepareFolders(byUid, jobOf(root, freshUid()))).rejects.toMatchObject({
      code: 'root_refused',
    });
  });

  test('in which the tenant has put a link is refused and not followed', async () => {
    const uid = freshUid();
    const root = rootOf(uid);
    const job = jobOf(root, uid);
    const elsewhere = rootOf(0, 0o755);
    symlinkSync(elsewhere, join(root, job.tenantId));
    await expect(prepareFolders(byUid, job)).rejects.toMatchObject({ code: 'workspace_refused' });
    expect(statSync(elsewhere)).toMatchObject({ uid: 0 });
  });
});
