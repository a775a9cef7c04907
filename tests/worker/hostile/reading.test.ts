import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';

import { type AgentProcess, launch } from '../../../worker/launcher/launch.ts';
import { lockUid } from '../../../worker/workspace/lock.ts';
import { shellSpec } from '../launcher/probe.ts';
import {
  type Job,
  type Platform,
  SECRET,
  attack,
  attempt,
  canAttack,
  data,
  endJob,
  isolation,
  newJob,
  python,
  start,
  startPlatform,
} from './harness.ts';

/** Every line is one attempt of a hostile agent, which must end in `denied`. */
const ON_ANOTHER_TENANT: Record<string, string> = {
  'list its folder': 'ls "$VICTIM_TENANT"',
  'list its workspace': 'ls "$VICTIM_WORKSPACE"',
  'enter its workspace': 'env -C "$VICTIM_WORKSPACE" true',
  'read its file': 'cat "$VICTIM_WORKSPACE/notes"',
  'write its file': 'echo x > "$VICTIM_WORKSPACE/notes"',
  'make a file there': 'touch "$VICTIM_WORKSPACE/new"',
  'rename its folder': 'mv "$VICTIM_TENANT" "$VICTIM_TENANT-gone"',
  'delete its workspace': 'rm -rf "$VICTIM_WORKSPACE"',
  'open its permissions': 'chmod 777 "$VICTIM_TENANT"',
  'hard-link its file': 'ln "$VICTIM_WORKSPACE/notes" stolen',
  'read its HOME': 'ls "$VICTIM_HOME"',
  'read its TMPDIR': 'ls "$VICTIM_TMP"',
  'list the tenants': 'ls "$ROOT"',
  'make a tenant': 'mkdir "$ROOT/mine"',
  'list the jobs': 'ls "$ROOT/../jobs"',
  'list the locks': 'ls "$ROOT/.locks"',
  'signal its process': 'kill -0 "$VICTIM_PID"',
  'kill its process': 'kill -9 "$VICTIM_PID"',
  'read its environment': 'cat "/proc/$VICTIM_PID/environ"',
  'read its folder through /proc': 'ls "/proc/$VICTIM_PID/cwd/"',
  'read its descriptors': 'ls "/proc/$VICTIM_PID/fd/"',
};

const ON_THE_SUPERVISOR: Record<string, string> = {
  'read its environment': 'cat "/proc/$PLATFORM/environ"',
  'read its memory': 'dd if="/proc/$PLATFORM/mem" bs=1 count=1',
  'read its memory map': 'cat "/proc/$PLATFORM/maps"',
  'list its descriptors': 'ls "/proc/$PLATFORM/fd/"',
  'reopen its secret file': 'cat "/proc/$PLATFORM/fd/$SECRET_FD"',
  'read where its descriptors point': 'readlink -v "/proc/$PLATFORM/fd/$SECRET_FD"',
  'see its folder': 'readlink -v "/proc/$PLATFORM/cwd"',
  'read files through its root': 'cat "/proc/$PLATFORM/root/etc/shadow"',
  'read its stack': 'cat "/proc/$PLATFORM/stack"',
  'read its system call': 'cat "/proc/$PLATFORM/syscall"',
  'change its OOM score': 'echo 1000 > "/proc/$PLATFORM/oom_score_adj"',
  'look for it with signal 0': 'kill -0 "$PLATFORM"',
  'stop it': 'kill -STOP "$PLATFORM"',
  'kill it': 'kill -9 "$PLATFORM"',
  'renice it': 'renice 19 -p "$PLATFORM"',
  'lower its limits': 'prlimit --nofile=1 --pid "$PLATFORM"',
  'enter its namespaces': 'nsenter -t "$PLATFORM" -a true',
  'kill the launcher': 'kill -9 "$LAUNCHER"',
  'read the environment of the launcher': 'cat "/proc/$LAUNCHER/environ"',
};

const ON_THE_MACHINE: Record<string, string> = {
  'become root': 'setpriv --reuid 0 true',
  'become another tenant': 'setpriv --reuid "$VICTIM_UID" true',
  'take groups': 'setpriv --groups 0 true',
  'read the password hashes': 'cat /etc/shadow',
  'mount a file system': 'mount -t tmpfs none "$HOME"',
  'change the root': '/usr/sbin/chroot / true',
  'make a device': 'mknod "$HOME/mem" c 1 1',
  'change the clock': 'date -s @0',
  'give a file away': 'touch f && chown 0 f',
  'raise its priority': 'nice -n -10 true; [ "$(nice -n -10 nice)" -lt 19 ]',
  'raise its process limit': 'prlimit --nproc=unlimited true',
  'allow core dumps': 'prlimit --core=unlimited true',
  'change a kernel setting': 'echo x > /proc/sys/kernel/core_pattern',
};

/** PTRACE_ATTACH (16), and process_vm_readv (310 on x86-64, 270 on arm64). */
const PTRACE = `
import ctypes, os, platform, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(os.environ["PLATFORM"])
print("attach", libc.ptrace(16, pid, 0, 0), ctypes.get_errno())
buffer = ctypes.create_string_buffer(8)
iov = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
number = 310 if platform.machine() == "x86_64" else 270
print("read", libc.syscall(number, pid, iov, 1, iov, 1, 0), ctypes.get_errno())
`;

setDefaultTimeout(TEST_TIMEOUT_MS);

describe.skipIf(!canAttack)('a hostile agent cannot', () => {
  let platform: Platform;
  let victim: Job;
  let hostile: Job;
  let env: Record<string, string>;
  let bystander: AgentProcess;

  beforeAll(async () => {
    platform = await startPlatform();
    victim = await newJob();
    hostile = await newJob();
    (await lockUid(victim.tenant.root, victim.tenant.uid))?.();
    await attack(victim, `echo '${SECRET}' > notes; chmod 666 notes; echo '${SECRET}' > "$HOME/x"`);
    bystander = start(victim, 'echo up; sleep 600', { OPENAI_API_KEY: SECRET });
    await bystander.stdout.getReader().read();
    env = {
      ...platform.env,
      LAUNCHER: String(process.pid),
      ROOT: victim.tenant.root,
      VICTIM_TENANT: `${victim.tenant.root}/${victim.tenant.tenantId}`,
      VICTIM_WORKSPACE: victim.folders.workspace,
      VICTIM_HOME: victim.folders.home,
      VICTIM_TMP: victim.folders.tmp,
      VICTIM_UID: String(victim.tenant.uid),
      VICTIM_PID: String(bystander.pid),
    };
  });

  afterAll(async () => {
    await bystander.terminate(0);
    await endJob(victim);
    await endJob(hostile);
    await platform.stop();
    data.remove();
  });

  for (const [name, command] of Object.entries(ON_ANOTHER_TENANT)) {
    test(`with another tenant: ${name}`, async () => {
      expect(await attempt(hostile, command, env)).toBe('denied');
    });
  }

  test('the control: the tenant itself may do all that', async () => {
    for (const command of ['ls "$VICTIM_WORKSPACE"', 'cat "/proc/$VICTIM_PID/environ" | wc -c']) {
      expect(await attempt(victim, command, env)).toStartWith('succeeded: ');
    }
    expect(await attack(victim, 'cat notes; cat "/proc/$VICTIM_PID/environ"', env)).toContain(SECRET);
  });

  for (const [name, command] of Object.entries(ON_THE_SUPERVISOR)) {
    test(`with the supervisor: ${name}`, async () => {
      expect(await attempt(hostile, command, env)).toBe('denied');
      expect(platform.isAlive()).toBe(true);
    });
  }

  test.skipIf(python === null)('with the supervisor: trace it or read its memory', async () => {
    const output = await attack(hostile, `${python} - <<'END'\n${PTRACE}\nEND\n`, env);
    expect(output).toBe('attach -1 1\nread -1 1\n');
  });

  for (const [name, command] of Object.entries(ON_THE_MACHINE)) {
    test(`on the machine: ${name}`, async () => {
      expect(await attempt(hostile, command, env)).toBe('denied');
    });
  }

  test('gain root from a setuid program', async () => {
    const program = `${data.path}/setuid-id`;
    Bun.spawnSync(['cp', '/usr/bin/id', program]);
    Bun.spawnSync(['chmod', '4755', program]);
    expect(Bun.spawnSync(['stat', '-c', '%a', program]).stdout.toString()).toBe('4755\n');
    expect(await attack(hostile, program)).not.toContain('euid=0');
    expect(await attack(hostile, `${program} -u`)).toBe(`${hostile.tenant.uid}\n`);
  });

  test('get the credentials of the task role', async () => {
    const script = `cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'
      cat /proc/self/environ /proc/net/unix 2>/dev/null; env
      for path in / /v2/credentials /v2/credentials/ /requests /latest/meta-data/iam/security-credentials/; do
        curl -s -m 2 "http://127.0.0.1:$PORT$path" || bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT &&
          printf 'GET $path HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
      done`;
    const output = await attack(hostile, script, env);
    expect(output).toContain('not found');
    expect(output).not.toContain(SECRET);
    expect(output).not.toContain('AKIAPLATFORM');
    expect(output).not.toContain('PLATFORM_CREDENTIALS_PATH');
    const requests = await platform.requests();
    expect(requests.length).toBeGreaterThanOrEqual(5);
    expect(requests.every((path) => !/[0-9a-f]{8}-/.test(path))).toBe(true);
  });

  test('inherit a descriptor, a capability or a controlling terminal', async () => {
    const output = await attack(
      hostile,
      'ls /proc/self/fd; grep CapEff /proc/self/status; tty; cat /dev/tty',
      env,
    );
    const descriptors = output.split('\n').filter((line) => /^\d+$/.test(line));
    // 3 is the folder that ls itself is reading.
    expect(descriptors).toEqual(['0', '1', '2', '3']);
    expect(output).toMatch(/CapEff:\s+0+\n/);
    expect(output).toContain('not a tty');
    expect(output).toMatch(/No such device|Permission denied/);
  });

  test('see a prompt or a key among the arguments of any process', async () => {
    const other = launch(
      isolation(),
      shellSpec('cat >/dev/null; echo up; sleep 600', {
        uid: victim.tenant.uid,
        stdin: SECRET,
        env: { PATH: '/usr/bin:/bin', KEY: SECRET },
      }),
    );
    const watcher = start(
      hostile,
      'for i in $(seq 100); do cat /proc/[0-9]*/cmdline; done 2>/dev/null | tr "\\0" " "',
    );
    const [seen] = await Promise.all([new Response(watcher.stdout).text(), other.stdout.getReader().read()]);
    expect(seen).toContain('sleep 600');
    expect(seen).not.toContain(SECRET);
    await other.terminate(0);
  });
});
