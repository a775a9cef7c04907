import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { openFolder } from './probe.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const NOBODY = 65_534;
/** What Docker and Fargate leave to root in a container (docs.docker.com, "Runtime privilege"). */
const CONTAINER_CAPABILITIES =
  'chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write setfcap';

const everythingGone = { firstOutput: 'written', remains: 0, jobFolderLeft: false };
const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

const setpriv = Bun.which('setpriv', { PATH: '/usr/bin:/bin' });
const skipReason = whyNot();
if (skipReason !== null) console.log(`skipped: the launcher under other privileges: ${skipReason}`);

const data = openFolder();
afterAll(data.remove);

describe.skipIf(skipReason !== null)('a whole job', () => {
  test('as root with the capabilities of a container: level uid', async () => {
    const capabilities = CONTAINER_CAPABILITIES.split(' ').map((name) => `+${name}`);
    const said = await wholeCycle([`--bounding-set=-all,${capabilities.join(',')}`], 'container', 0);
    expect(said).toMatchObject({ level: 'uid', sharedFileLeft: false, ...everythingGone });
    expect(said.layers).toMatchObject({ prlimit: true, nice: true, choom: true, setpriv: true });
  });

  test('as an ordinary user: a PID namespace where the kernel allows it, and it says why', async () => {
    const said = await wholeCycle(asNobody, 'nobody', NOBODY);
    expect(said).toMatchObject({ level: namespacesWork() ? 'pid-namespace' : 'process', ...everythingGone });
    expect(said.reason).toContain('the worker is not root');
  });

  test('as an ordinary user at level process', async () => {
    const said = await wholeCycle(asNobody, 'process', NOBODY, 'process');
    expect(said).toMatchObject({ level: 'process', ...everythingGone });
  });
});

async function wholeCycle(privileges: string[], name: string, owner: number, ...args: string[]) {
  const folder = join(data.path, name);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  chownSync(folder, owner, owner);
  const script = join(import.meta.dirname, 'whole-cycle.ts');
  const child = Bun.spawn([setpriv ?? '', ...privileges, process.execPath, script, folder, ...args], {
    cwd: '/',
    env: {},
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const said: Record<string, unknown> = JSON.parse(await new Response(child.stdout).text());
  return { ...said, reason: said['reason'], layers: said['layers'] };
}

function namespacesWork(): boolean {
  const argv = [
    setpriv ?? '',
    ...asNobody,
    'unshare',
    '-U',
    '--map-current-user',
    '-p',
    '-f',
    '--mount-proc',
    'true',
  ];
  return Bun.spawnSync(argv).success;
}

function whyNot(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'this is not root on Linux';
  if (setpriv === null) return 'no setpriv';
  const reachable = Bun.spawnSync(
    [setpriv, '--reuid=65534', '--clear-groups', process.execPath, '--version'],
    { cwd: '/' },
  );
  return reachable.success ? null : `an ordinary user cannot run ${process.execPath}`;
}
