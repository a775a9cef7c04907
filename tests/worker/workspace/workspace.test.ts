import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import type { Isolation, IsolationLevel } from '../../../worker/launcher/isolation.ts';
import { launch } from '../../../worker/launcher/launch.ts';
import { listProcesses } from '../../../worker/launcher/kill.ts';
import { prepareRoot } from '../../../worker/workspace/folders.ts';
import { prepareFolders, wipeAfterJob, writeJobFiles } from '../../../worker/workspace/workspace.ts';
import { eventually, freshUid, isolationOrReason, openFolder, shellSpec } from '../launcher/probe.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const data = openFolder();
afterAll(data.remove);

const LEVELS: IsolationLevel[] = ['uid', 'pid-namespace', 'process'];

for (const level of LEVELS) {
  const isolation = await isolationOrReason(level);
  describe.skipIf(isolation === null)(`workspaces at level ${level}`, () => {
    if (isolation !== null) sharedBehaviour(isolation);
  });
}

function tenantOf(isolation: Isolation) {
  return {
    root: join(data.path, 'workspaces'),
    tenantId: crypto.randomUUID(),
    workspace: 'default',
    jobId: `job-${crypto.randomUUID()}`,
    uid: isolation.level === 'uid' ? freshUid() : null,
  };
}

async function runScript(
  isolation: Isolation,
  script: string,
  uid: number | null,
  cwd = '/',
): Promise<string> {
  const agent = launch(isolation, shellSpec(script, { uid, cwd }));
  return new Response(agent.stdout).text();
}

function sharedBehaviour(isolation: Isolation): void {
  test('the workspace stays, HOME and TMPDIR are new and then gone', async () => {
    const job = tenantOf(isolation);
    const first = await prepareFolders(isolation, job);
    const script = `echo kept > here; echo x > ${first.home}/x; echo x > ${first.tmp}/x; ls -a ${first.home}`;
    await runScript(isolation, script, job.uid, first.workspace);
    await wipeAfterJob(isolation, { folders: first, uid: job.uid });
    expect(existsSync(first.job)).toBe(false);

    const second = await prepareFolders(isolation, { ...job, jobId: `job-${crypto.randomUUID()}` });
    expect(second.workspace).toBe(first.workspace);
    expect(await runScript(isolation, 'cat here', job.uid, second.workspace)).toBe('kept\n');
    expect([...readdirSync(second.home), ...readdirSync(second.tmp)]).toEqual([]);
    await wipeAfterJob(isolation, { folders: second, uid: job.uid });
  });

  test('everything belongs to the tenant and is closed to others', async () => {
    const job = tenantOf(isolation);
    const folders = await prepareFolders(isolation, job);
    const owner = job.uid ?? process.getuid?.();
    for (const path of [join(job.root, job.tenantId), ...Object.values({ ...folders, jobId: folders.job })]) {
      const { uid, mode } = statSync(path);
      expect({ path, uid, mode: (mode & 0o7777).toString(8) }).toEqual({
        path,
        uid: owner ?? -1,
        mode: '700',
      });
    }
    expect((statSync(job.root).mode & 0o7777).toString(8)).toBe('711');
    await wipeAfterJob(isolation, { folders, uid: job.uid });
  });

  test('what an earlier attempt of the job left behind is gone', async () => {
    const job = tenantOf(isolation);
    const folders = await prepareFolders(isolation, job);
    await runScript(isolation, `echo x > ${folders.home}/x; chmod 000 ${folders.tmp}`, job.uid);
    const again = await prepareFolders(isolation, job);
    expect(readdirSync(again.home)).toEqual([]);
    expect((statSync(again.tmp).mode & 0o777).toString(8)).toBe('700');
    await wipeAfterJob(isolation, { folders: again, uid: job.uid });
  });

  test('files get their content, mode and owner, in folders that are made for them', async () => {
    const job = tenantOf(isolation);
    const folders = await prepareFolders(isolation, job);
    const content = 'a\n$(id)\n`id`\0é\n';
    await writeJobFiles(isolation, folders, job.uid, [
      { path: `${folders.home}/.config/deep/a b.json`, content, mode: 0o600 },
      { path: `${folders.tmp}/-prompt`, content: '', mode: 0o440 },
    ]);
    const path = `${folders.home}/.config/deep/a b.json`;
    expect(await Bun.file(path).text()).toBe(content);
    expect((statSync(path).mode & 0o7777).toString(8)).toBe('600');
    expect((statSync(`${folders.tmp}/-prompt`).mode & 0o7777).toString(8)).toBe('440');
    expect(statSync(path).uid).toBe(job.uid ?? process.getuid?.() ?? -1);
    await wipeAfterJob(isolation, { folders, uid: job.uid });
  });

  test('files outside HOME and TMPDIR are refused', async () => {
    const job = tenantOf(isolation);
    const folders = await prepareFolders(isolation, job);
    const paths = [
      '/etc/x',
      `${folders.workspace}/x`,
      folders.home,
      `${folders.home}/`,
      `${folders.home}/../../x`,
      `${folders.home}/a/./b`,
      `${folders.home}-x/y`,
    ];
    for (const path of paths) {
      const write = writeJobFiles(isolation, folders, job.uid, [{ path, content: 'x', mode: 0o600 }]);
      await expect(write).rejects.toMatchObject({ code: 'workspace_refused' });
    }
    await wipeAfterJob(isolation, { folders, uid: job.uid });
  });

  test('names that are no plain names are refused', async () => {
    const job = tenantOf(isolation);
    for (const name of ['', '.', '..', 'a/b', '../x', 'a b', 'a\n', 'é', 'x'.repeat(65), 'a\0']) {
      await expect(prepareFolders(isolation, { ...job, workspace: name })).rejects.toMatchObject({
        code: 'name_refused',
      });
      await expect(prepareFolders(isolation, { ...job, tenantId: name })).rejects.toMatchObject({
        code: 'name_refused',
      });
    }
    await expect(prepareFolders(isolation, { ...job, tenantId: '.locks' })).rejects.toMatchObject({
      code: 'name_refused',
    });
    await expect(prepareFolders(isolation, { ...job, jobId: '..' })).rejects.toMatchObject({
      code: 'name_refused',
    });
  });

  test('names that look like options are folders like others', async () => {
    const job = { ...tenantOf(isolation), tenantId: '-rf', workspace: '--help' };
    const folders = await prepareFolders(isolation, { ...job, tenantId: `-${job.jobId}`.slice(0, 60) });
    expect(lstatSync(folders.workspace).isDirectory()).toBe(true);
    await wipeAfterJob(isolation, { folders, uid: job.uid });
  });

  test('a workspace that a tenant turned into a link, a pipe or a file is refused', async () => {
    const job = tenantOf(isolation);
    const folders = await prepareFolders(isolation, job);
    await wipeAfterJob(isolation, { folders, uid: job.uid });
    for (const plant of ['ln -s /tmp evil', 'ln -s /nonexistent evil', 'mkfifo evil', 'echo x > evil']) {
      await runScript(isolation, `rm -f evil; ${plant}`, job.uid, join(job.root, job.tenantId));
      const prepare = prepareFolders(isolation, { ...job, workspace: 'evil' });
      await expect(prepare).rejects.toMatchObject({ code: 'workspace_refused' });
      expect(existsSync(folders.job)).toBe(false);
    }
  });

  test('deep, locked and oddly named leftovers of HOME are wiped', async () => {
    const job = tenantOf(isolation);
    const folders = await prepareFolders(isolation, job);
    const script = `cd ${folders.home}; mkdir a; echo x > a/x; chmod 000 a; mkfifo p; ln -s /etc s
      touch -- "$(printf 'line\\nbreak')" '-rf' ' ' '*'; mkdir locked locked/deep; chmod 000 locked/deep locked
      for i in 1 2 3; do p=$(printf 'd/%.0s' $(seq 1000)); mkdir -p $p; cd $p; done; chmod 000 ../d; chmod 000 ${folders.job}`;
    await runScript(isolation, script, job.uid);
    await wipeAfterJob(isolation, { folders, uid: job.uid });
    expect(existsSync(folders.job)).toBe(false);
    expect(existsSync('/etc/passwd')).toBe(true);
  }, 30_000);

  test('processes of the job are dead after the wipe', async () => {
    const job = tenantOf(isolation);
    const folders = await prepareFolders(isolation, job);
    const agent = launch(
      isolation,
      shellSpec('(setsid sleep 777 &); sleep 777', { uid: job.uid, jobId: job.jobId }),
    );
    await eventually(async () => (await listProcesses(isolation, job)).length >= 2);
    await wipeAfterJob(isolation, { folders, uid: job.uid });
    expect(await listProcesses(isolation, job)).toEqual([]);
    await agent.exited;
  });
}

describe('the first level, which the supervisor makes itself', () => {
  const place = () => ({ root: join(data.path, crypto.randomUUID()), tenantId: 'tenant' });

  test('a link in place of the tenant folder is refused and not followed', async () => {
    const isolation = await isolationOrReason('process');
    if (isolation === null) throw new Error('level process works everywhere');
    const { root, tenantId } = place();
    await prepareRoot(root);
    const elsewhere = join(data.path, crypto.randomUUID());
    mkdirSync(elsewhere);
    chmodSync(elsewhere, 0o755);
    symlinkSync(elsewhere, join(root, tenantId));
    const job = { root, tenantId, workspace: 'w', jobId: 'job', uid: null };
    await expect(prepareFolders(isolation, job)).rejects.toMatchObject({ code: 'workspace_refused' });
    expect((statSync(elsewhere).mode & 0o777).toString(8)).toBe('755');
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('a file in place of the tenant folder is refused', async () => {
    const isolation = await isolationOrReason('process');
    if (isolation === null) throw new Error('level process works everywhere');
    const { root, tenantId } = place();
    await prepareRoot(root);
    writeFileSync(join(root, tenantId), '');
    const job = { root, tenantId, workspace: 'w', jobId: 'job', uid: null };
    await expect(prepareFolders(isolation, job)).rejects.toMatchObject({ code: 'workspace_refused' });
  });

  test('a root that others may list is closed to them: a wipe of /tmp must not find workspaces in it', async () => {
    const { root } = place();
    mkdirSync(root);
    chmodSync(root, 0o755);
    await prepareRoot(root);
    expect((statSync(root).mode & 0o777).toString(8)).toBe('711');
  });

  test('a root that others may write to is refused', async () => {
    const { root } = place();
    mkdirSync(root);
    chmodSync(root, 0o777);
    await expect(prepareRoot(root)).rejects.toMatchObject({ code: 'root_refused' });
  });
});

const byUid = await isolationOrReason('uid');

describe.skipIf(byUid === null)('shared folders and IPC at level uid', () => {
  if (byUid === null) return;

  test('a tenant folder of another uid is refused', async () => {
    const job = tenantOf(byUid);
    const folders = await prepareFolders(byUid, job);
    await wipeAfterJob(byUid, { folders, uid: job.uid });
    const thief = prepareFolders(byUid, { ...job, uid: freshUid() });
    await expect(thief).rejects.toMatchObject({ code: 'workspace_refused' });
  });

  test('files of the uid in shared folders are wiped, those of others stay', async () => {
    const [job, other] = [tenantOf(byUid), tenantOf(byUid)];
    const folders = await prepareFolders(byUid, job);
    const plant = (name: string) => `for d in /tmp /var/tmp /dev/shm; do
      mkdir -p $d/${name}/in; echo x > $d/${name}/in/f; chmod 000 $d/${name}/in $d/${name}; echo x > $d/${name}.f; done`;
    const [mine, theirs] = [`op-${job.jobId}`, `op-${other.jobId}`];
    await runScript(byUid, plant(mine), job.uid);
    await runScript(byUid, plant(theirs), other.uid);
    await wipeAfterJob(byUid, { folders, uid: job.uid });
    const left = ['/tmp', '/var/tmp', '/dev/shm'].flatMap((folder) =>
      [mine, theirs].flatMap((name) => [`${folder}/${name}`, `${folder}/${name}.f`]).filter(existsSync),
    );
    expect(left).toHaveLength(6);
    expect(left.every((path) => path.includes(theirs))).toBe(true);
    const otherFolders = await prepareFolders(byUid, other);
    await wipeAfterJob(byUid, { folders: otherFolders, uid: other.uid });
    expect(left.filter(existsSync)).toEqual([]);
  });

  test('SysV shared memory, queues and semaphores of the uid are removed, those of others stay', async () => {
    const [job, other] = [tenantOf(byUid), tenantOf(byUid)];
    const folders = await prepareFolders(byUid, job);
    const otherFolders = await prepareFolders(byUid, other);
    for (const { uid } of [job, other])
      await runScript(byUid, 'ipcmk -M 4096 -p 0666; ipcmk -Q; ipcmk -S 2', uid);
    const owners = () =>
      ['shm', 'msg', 'sem'].flatMap((kind) => {
        const text = new TextDecoder().decode(Bun.spawnSync(['cat', `/proc/sysvipc/${kind}`]).stdout);
        return [job, other].filter(({ uid }) => text.includes(` ${uid} `)).map(({ uid }) => uid);
      });
    expect(owners()).toEqual([job.uid, other.uid, job.uid, other.uid, job.uid, other.uid]);
    await wipeAfterJob(byUid, { folders, uid: job.uid });
    expect(owners()).toEqual([other.uid, other.uid, other.uid]);
    await wipeAfterJob(byUid, { folders: otherFolders, uid: other.uid });
    expect(owners()).toEqual([]);
  });
});
