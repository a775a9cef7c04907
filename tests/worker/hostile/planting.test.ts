import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { claude } from '../../../worker/agents/rows/claude.ts';
import { startWatchdog } from '../../../worker/watchdog/watchdog.ts';
import { writeJobFiles } from '../../../worker/workspace/workspace.ts';
import { type Job, attack, attempt, canAttack, data, endJob, isolation, newJob, python } from './harness.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

describe.skipIf(!canAttack)('what a hostile agent plants does not catch the supervisor:', () => {
  let victim: Job;
  let env: Record<string, string>;

  beforeAll(async () => {
    victim = await newJob();
    await attack(victim, 'echo precious > notes; echo precious > "$HOME/notes"');
    env = { VICTIM_WORKSPACE: victim.folders.workspace, VICTIM_HOME: victim.folders.home };
  });

  afterAll(async () => {
    await endJob(victim);
    data.remove();
  });

  const victimIsWhole = () => {
    for (const folder of [victim.folders.workspace, victim.folders.home]) {
      expect(readFileSync(join(folder, 'notes'), 'utf8')).toBe('precious\n');
      const { uid, mode } = statSync(folder);
      expect({ uid, mode: (mode & 0o7777).toString(8) }).toEqual({ uid: victim.tenant.uid, mode: '700' });
    }
  };

  test('a workspace that became a link to another tenant', async () => {
    const job = await newJob();
    await attack(job, 'cd ..; rm -rf default; ln -s "$VICTIM_WORKSPACE" default', env);
    await endJob(job);
    await expect(newJob(job.tenant)).rejects.toMatchObject({ code: 'workspace_refused' });
    victimIsWhole();
  });

  test('HOME and TMPDIR that became links to another tenant', async () => {
    const job = await newJob();
    const script = `cd "$HOME/.."; rm -rf home tmp; ln -s "$VICTIM_HOME" home; ln -s "$VICTIM_WORKSPACE" tmp; ls -l`;
    expect(await attack(job, script, env)).toContain(`home -> ${victim.folders.home}`);
    const write = writeJobFiles(isolation(), job.folders, job.tenant.uid, [
      { path: join(job.folders.home, 'notes'), content: 'overwritten', mode: 0o666 },
    ]);
    await expect(write).rejects.toMatchObject({ code: 'helper_failed' });
    await endJob(job);
    expect(existsSync(job.folders.job)).toBe(false);
    victimIsWhole();
  });

  test('links in HOME and TMPDIR to files and folders of others, at the wipe', async () => {
    const job = await newJob();
    const before = statSync('/etc/passwd');
    const script = `for d in "$HOME" "$TMPDIR" /tmp /dev/shm; do
        mkdir "$d/${job.folders.jobId}"; cd "$d/${job.folders.jobId}"
        ln -s "$VICTIM_HOME" a; ln -s /etc b; ln -s /etc/passwd c; ln -s / d; ln -s "$VICTIM_WORKSPACE/notes" e; chmod 000 .
      done`;
    expect(await attack(job, script, env)).toBe('');
    await endJob(job);
    for (const folder of ['/tmp', '/dev/shm'])
      expect(existsSync(`${folder}/${job.folders.jobId}`)).toBe(false);
    victimIsWhole();
    const after = statSync('/etc/passwd');
    expect([after.mode, after.uid, after.size]).toEqual([before.mode, before.uid, before.size]);
  });

  test('a link where the supervisor writes a file', async () => {
    const job = await newJob();
    const target = join(data.path, `root-file-${job.folders.jobId}`);
    writeFileSync(target, 'mine', { mode: 0o666 });
    await attack(job, `ln -s ${target} "$HOME/config"; ln -s ${data.path} "$HOME/folder"`);
    await writeJobFiles(isolation(), job.folders, job.tenant.uid, [
      { path: join(job.folders.home, 'config'), content: 'theirs', mode: 0o600 },
    ]);
    expect(readFileSync(target, 'utf8')).toBe('mine');
    expect(readFileSync(join(job.folders.home, 'config'), 'utf8')).toBe('theirs');
    const through = writeJobFiles(isolation(), job.folders, job.tenant.uid, [
      { path: join(job.folders.home, 'folder/new'), content: 'x', mode: 0o600 },
    ]);
    await expect(through).rejects.toMatchObject({ code: 'helper_failed' });
    expect(existsSync(join(data.path, 'new'))).toBe(false);
    await endJob(job);
  });

  test('hard links to files of the machine', async () => {
    const job = await newJob();
    const target = join(data.path, `linked-${job.folders.jobId}`);
    copyFileSync('/etc/passwd', target);
    const { mode } = statSync(target);
    await attack(
      job,
      `for d in "$HOME" "$TMPDIR" .; do ln ${target} "$d/link"; done; ln ${target} /tmp/${job.folders.jobId}`,
    );
    await endJob(job);
    expect(readFileSync(target)).toEqual(readFileSync('/etc/passwd'));
    expect([statSync(target).mode, statSync(target).uid]).toEqual([mode, 0]);
    // Where the kernel lets a stranger link it (fs.protected_hardlinks = 0), the name in /tmp is not the tenant's.
    await Bun.file(`/tmp/${job.folders.jobId}`)
      .delete()
      .catch(() => undefined);
  });

  test('named pipes where the supervisor reads, writes and deletes', async () => {
    const job = await newJob();
    await attack(
      job,
      'cd "$HOME"; mkfifo config settings.json; mkdir dir; mkfifo dir/p "$TMPDIR/p"; mkfifo ../p',
    );
    await writeJobFiles(isolation(), job.folders, job.tenant.uid, [
      { path: join(job.folders.home, 'config'), content: 'x'.repeat(200_000), mode: 0o600 },
    ]);
    expect(statSync(join(job.folders.home, 'config')).size).toBe(200_000);
    await endJob(job);
    await attack(await newJob(job.tenant), 'cd ..; rm -rf default; mkfifo default');
    await expect(newJob(job.tenant)).rejects.toMatchObject({ code: 'workspace_refused' });
  });

  test('bunfig.toml, .env, package.json, git hooks: nothing of the workspace runs as root', async () => {
    const job = await newJob();
    const { workspace } = job.folders;
    const canary = join(data.path, `canary-${job.folders.jobId}`);
    mkdirSync(canary, { mode: 0o777 });
    await attack(job, 'chmod 777 .');
    Bun.spawnSync(['chmod', '777', canary]);
    const sign = `require('node:fs').writeFileSync(${JSON.stringify(`${canary}/`)} + process.getuid(), process.env.PLANTED ?? '')`;
    const script = `cat > bunfig.toml <<'END'
preload = ["./preload.js"]
END
cat > preload.js <<'END'
${sign}
END
echo PLANTED=1 > .env
echo '{"scripts":{"preinstall":"touch ${canary}/npm","start":"touch ${canary}/npm"}}' > package.json
mkdir -p .git/hooks .claude; printf '#!/bin/sh\\ntouch ${canary}/git\\n' > .git/hooks/post-checkout; chmod +x .git/hooks/*
printf '#!/bin/sh\\ntouch ${canary}/path\\n' > setpriv; cp setpriv env; cp setpriv find; cp setpriv sh; chmod +x setpriv env find sh
cp -r bunfig.toml preload.js .env "$HOME"; cp -r bunfig.toml preload.js .env "$TMPDIR"`;
    await attack(job, script);

    // The control: the plant works on whoever starts Bun there.
    Bun.spawnSync([process.execPath, '-e', '0'], { cwd: workspace, env: {} });
    expect(readFileSync(join(canary, '0'), 'utf8')).toBe('1');
    await Bun.file(join(canary, '0')).delete();

    const watchdog = await startWatchdog(isolation(), { locksRoot: join(data.path, 'locks') });
    watchdog.guard({ uid: job.tenant.uid, jobId: job.folders.jobId }, 60_000);
    const again = await newJob(job.tenant);
    await writeJobFiles(isolation(), again.folders, job.tenant.uid, [
      { path: join(again.folders.home, 'x'), content: 'x', mode: 0o600 },
    ]);
    expect(await attack(again, 'pwd', { PATH: `${workspace}:/usr/bin:/bin` })).toBe(`${workspace}\n`);
    watchdog.release();
    await watchdog.close();
    await endJob(again);
    await endJob(job);
    expect([...new Bun.Glob('*').scanSync(canary)]).toEqual([]);
    expect(process.env['PLANTED']).toBeUndefined();
  });

  test('.claude/settings.json of the workspace is not among the settings that claude reads', () => {
    const option = claude.argv.indexOf('--setting-sources');
    expect(claude.argv[option + 1]).toBe('user');
  });

  test('what it leaves in /tmp, /dev/shm and shared memory is gone for the next tenant', async () => {
    const job = await newJob();
    const name = job.folders.jobId;
    const shared = `for d in /tmp /var/tmp /dev/shm /run/lock; do
        [ -w $d ] && { echo mine > $d/${name}; chmod 666 $d/${name}; mkdir $d/${name}.d; echo mine > $d/${name}.d/f; }
      done; ipcmk -M 4096 -p 0666; ipcmk -Q -p 0666; ipcmk -S 1 -p 0666
      (setsid sleep 600 >/dev/null 2>&1 </dev/null &)`;
    const look = `ls -d /tmp/${name}* /var/tmp/${name}* /dev/shm/${name}* /run/lock/${name}*; ipcs -a; pgrep --runstates R,S,D,T -u ${job.tenant.uid} || echo no process`;
    await attack(job, shared);
    const during = await attack(victim, look);
    expect(during).toContain(`/dev/shm/${name}.d`);
    expect(during.match(/\s666\s/g)).toHaveLength(3);
    expect(during).not.toContain('no process');
    await endJob(job);
    const next = await newJob();
    const after = await attack(next, look);
    expect(after).not.toMatch(new RegExp(`^/.*${name}`, 'm'));
    expect(after).not.toMatch(/\s666\s/);
    expect(after).toContain('no process\n');
    await endJob(next);
  });

  test.skipIf(python === null)('shared memory given to another owner is removed too', async () => {
    const job = await newJob();
    const script = `${python} - <<'END'
import ctypes
libc = ctypes.CDLL(None)
segment = libc.shmget(0, 4096, 0o1666)
ds = ctypes.create_string_buffer(256)
libc.shmctl(segment, 2, ds)
ctypes.memmove(ctypes.addressof(ds) + 4, ctypes.byref(ctypes.c_uint32(${victim.tenant.uid})), 4)
print(libc.shmctl(segment, 1, ds))
END`;
    expect(await attack(job, script)).toBe('0\n');
    const rows = () =>
      readFileSync('/proc/sysvipc/shm', 'utf8')
        .split('\n')
        .filter((row) => row.includes(` ${job.tenant.uid} `));
    expect(rows()).toHaveLength(1);
    expect(rows()[0]).toContain(` ${victim.tenant.uid} `);
    await endJob(job);
    expect(rows()).toEqual([]);
  });

  test('an abandoned job folder is closed to the next tenant', async () => {
    const job = await newJob();
    await attack(job, 'echo secret > "$HOME/x"; chmod -R 777 "$HOME/.."');
    const next = await newJob();
    Bun.spawnSync(['chmod', '700', job.folders.job]);
    expect(await attempt(next, `cat ${job.folders.home}/x`)).toBe('denied');
    await endJob(next);
    await endJob(job);
  });
});
