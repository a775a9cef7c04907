import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installAgent } from '../../cli/install-agent.ts';
import { createClient } from '../../cli/start/client.ts';
import { DEMO_AGENT } from '../../worker/agents/registry.ts';
import { type BunStart, type BunStartOptions, bunStart, readCredentials, untilDead } from './bun-start.ts';
import { createTenantClient } from './tenant-client.ts';
import { SHELL_AGENT } from './trivial-agents.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** `bun start` from the outside, on whatever machine the tests run. */

const CACHE = join(import.meta.dir, '../../node_modules/.cache/outpost-agents');
const PATIENCE_MS = 180_000;
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const asNobody = ['setpriv', '--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
/** For a job to begin or end on a busy machine. */
const JOB_MS = 60_000;

const installed = await installAgent(DEMO_AGENT, CACHE, () => undefined);
if (!installed.ok) console.log(`SKIPPED the demo job: ${installed.message}`);
const withDemo = test.skipIf(!installed.ok);

const nobodyCanRun =
  isRoot &&
  Bun.which('setpriv') !== null &&
  Bun.spawnSync([...asNobody, process.execPath, 'cli/start.ts', '--help']).exitCode === 0;
if (isRoot && !nobodyCanRun) {
  console.log(
    'SKIPPED as another user: setpriv is missing, or another user cannot reach Bun and the checkout',
  );
}

const root = mkdtempSync(join(tmpdir(), 'outpost-start-'));
chmodSync(root, 0o711);
const folder = (name: string): string => join(root, name);

const started: BunStart[] = [];
const start = (options: BunStartOptions): BunStart => {
  const system = bunStart(options);
  started.push(system);
  return system;
};
afterAll(async () => {
  for (const system of started) system.signal('SIGTERM');
  await Promise.all(started.map((system) => system.exited));
  rmSync(root, { recursive: true, force: true });
}, PATIENCE_MS);

const stop = async (system: BunStart): Promise<number> => {
  system.signal('SIGTERM');
  return system.exited;
};

/** What a start that is refused prints and exits with. */
const refusal = async (options: BunStartOptions) => {
  const system = start(options);
  const code = await system.exited;
  return { code, lines: system.printed().trim().split('\n') };
};

/** A system with a job in its midst, and all processes of both. */
const startInJob = async (name: string): Promise<{ system: BunStart; processes: number[] }> => {
  const dataDir = folder(name);
  const agents = join(root, 'agents.json');
  writeFileSync(agents, JSON.stringify([SHELL_AGENT]));
  const system = start({
    dataDir,
    args: ['--no-demo'],
    env: { OUTPOST_AGENTS: SHELL_AGENT.id, OUTPOST_EXTRA_AGENTS_FILE: agents },
  });
  await system.serving;
  const { url, tenant_id: tenantId, api_key: apiKey } = readCredentials(dataDir);
  const tenant = createTenantClient(url, { tenantId, apiKey });
  const idle = system.processes();
  expect(idle.length).toBeGreaterThan(5);
  const jobId = await tenant.submit({ agent: SHELL_AGENT.id, command: 'echo begun; sleep 600' });
  await tenant.until(jobId, (job) => job.status === 'running', JOB_MS);
  while ((await tenant.output(jobId)).toString() !== 'begun\n') await Bun.sleep(100);
  const processes = system.processes();
  expect(processes.length).toBeGreaterThan(idle.length);
  return { system, processes };
};

const isolationOf = (system: BunStart): string =>
  /isolation (\S+) /.exec(system.printed())?.[1] ?? 'none printed';

describe('bun start', () => {
  withDemo(
    '--once shows the events of a job that a real CLI ran, and exits 0',
    async () => {
      const system = start({ dataDir: folder('once'), args: ['--once'] });
      expect([await system.exited, system.printed()]).toEqual([0, expect.any(String)]);
      const printed = system.printed();
      expect(printed).toMatch(/status +running \(attempt 1\)/);
      expect(printed).toMatch(/tool_call +write_file /);
      expect(printed).toMatch(/tool_result +ok/);
      expect(printed).toMatch(/message +\S/);
      expect(printed).toMatch(/end +succeeded/);
      expect(printed).toContain('the scripted model answers');
      expect(printed).not.toContain('undefined');
      const tenants = join(folder('once'), 'workspaces', readCredentials(folder('once')).tenant_id);
      expect(readFileSync(join(tenants, 'default/hello.txt'), 'utf8')).toBe(
        'hello from the scripted model\n',
      );
    },
    PATIENCE_MS,
  );

  test(
    'keeps keys in a file of mode 0600, and a second start finds everything of the first',
    async () => {
      const dataDir = folder('twice');
      const began = performance.now();
      const first = start({ dataDir, args: ['--no-demo'] });
      await first.serving;
      const firstMs = performance.now() - began;
      const before = readCredentials(dataDir);
      const file = join(dataDir, 'credentials.json');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const fields: Record<string, object> = JSON.parse(readFileSync(file, 'utf8'));
      expect(Object.keys(fields).toSorted()).toEqual(
        ['admin_key', 'agent', 'api_key', 'aws', 'tenant_id', 'url'].toSorted(),
      );
      expect(Object.keys(fields['aws'] ?? {}).toSorted()).toEqual(
        ['access_key_id', 'endpoint', 'secret_access_key'].toSorted(),
      );
      const jobId = await createTenantClient(before.url, {
        tenantId: before.tenant_id,
        apiKey: before.api_key,
      }).submit({ agent: 'aider', command: 'Nobody has installed it.' });
      expect(await stop(first)).toBe(0);

      const again = performance.now();
      const second = start({ dataDir, args: ['--no-demo'] });
      await second.serving;
      console.log(
        `serving after ${(firstMs / 1000).toFixed(1)} s, the second time after ${((performance.now() - again) / 1000).toFixed(1)} s`,
      );
      const after = readCredentials(dataDir);
      expect({ ...after, url: '', aws: '' }).toEqual({ ...before, url: '', aws: '' });
      const admin = await createClient(after.url, before.admin_key).call('GET', '/tenants');
      expect(JSON.stringify(admin)).toContain(before.tenant_id);
      const tenant = createTenantClient(after.url, { tenantId: before.tenant_id, apiKey: before.api_key });
      expect((await tenant.jobs()).map((job) => job.job_id)).toEqual([jobId]);
      const ended = await tenant.until(jobId, (job) => job.status !== 'pending', JOB_MS);
      expect(ended).toMatchObject({ status: 'failed', failure: { code: 'agent_missing' } });
      expect(await stop(second)).toBe(0);
    },
    PATIENCE_MS,
  );

  test(
    'refuses a folder in use and taken ports in one line, and leaves no process on Ctrl-C in the midst of a job',
    async () => {
      const { system, processes } = await startInJob('used');

      expect(await refusal({ dataDir: folder('used') })).toEqual({
        code: 1,
        lines: [expect.stringMatching(/used is in use by another Outpost: stop it, or set OUTPOST_DATA_DIR/)],
      });
      const { port } = new URL(readCredentials(folder('used')).url);
      for (const name of ['PORT', 'AWS_PORT']) {
        expect(await refusal({ dataDir: folder('other'), env: { [name]: port } })).toEqual({
          code: 1,
          lines: [expect.stringMatching(new RegExp(`Port ${port} is taken: set ${name} to a free one`))],
        });
      }

      system.signal('SIGINT');
      expect(await system.exited).toBe(0);
      expect(system.printed()).toEndWith('Ctrl-C stops everything; the data stays.\n');
      await untilDead(processes);
    },
    PATIENCE_MS,
  );

  test(
    'leaves no process after SIGKILL in the midst of a job',
    async () => {
      const { system, processes } = await startInJob('killed');
      system.signal('SIGKILL');
      await untilDead(processes);
    },
    PATIENCE_MS,
  );

  test('refuses what it does not know, with its usage', async () => {
    const { code, lines } = await refusal({ dataDir: folder('flag'), args: ['--onec'] });
    expect(code).toBe(2);
    expect(lines.join('\n')).toMatch(/--onec[^]*Usage: bun start/);
  });

  test(
    'makes a provider key of the environment the demo tenant’s own, and tells it to nobody',
    async () => {
      const dataDir = folder('own-key');
      const key = 'key-of-the-newcomer';
      const system = start({ dataDir, args: ['--no-demo'], env: { XAI_API_KEY: key } });
      await system.serving;
      const { url, tenant_id, api_key, agent } = readCredentials(dataDir);
      expect(agent).toBe('grok');
      const listed = await createClient(url, api_key).call('GET', `/tenants/${tenant_id}/secrets`);
      expect(listed).toMatchObject({ secrets: [{ name: 'xai' }] });
      expect(await stop(system)).toBe(0);
      const logs = readdirSync(join(dataDir, 'logs')).map((name) =>
        readFileSync(join(dataDir, 'logs', name), 'utf8'),
      );
      const told = [
        ...logs,
        system.printed(),
        readFileSync(join(dataDir, 'credentials.json'), 'utf8'),
        JSON.stringify(listed),
      ];
      expect(told.filter((text) => text.includes(key))).toEqual([]);
    },
    PATIENCE_MS,
  );

  test.skipIf(!installed.ok || !nobodyCanRun)(
    'works for a user who is not root, and says how it keeps jobs apart',
    async () => {
      const home = folder('nobody');
      mkdirSync(home);
      chownSync(home, NOBODY, NOBODY);
      const system = start({
        dataDir: join(home, 'data'),
        args: ['--once'],
        env: { HOME: home },
        prefix: asNobody,
      });
      expect([await system.exited, system.printed()]).toEqual([0, expect.any(String)]);
      expect(['process', 'pid-namespace']).toContain(isolationOf(system));
      expect(system.printed()).toContain('no uid: the worker is not root');
    },
    PATIENCE_MS,
  );

  test.skipIf(!isRoot)(
    'works in a folder that tenants cannot reach, and says so (needs root)',
    async () => {
      mkdirSync(folder('private'), { mode: 0o700 });
      const { system } = await startInJob('private/data');
      expect(['process', 'pid-namespace']).toContain(isolationOf(system));
      expect(system.printed()).toMatch(/no uid: a tenant's uid cannot reach \S+private/);
      expect(await stop(system)).toBe(0);
    },
    PATIENCE_MS,
  );
});
