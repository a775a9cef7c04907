import { afterAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { installAgent, installRootOf } from '../../cli/install-agent.ts';
import { DEMO_AGENT } from '../../worker/agents/registry.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** The installer, over the smallest agent. Needs the npm registry or Bun's cache; without them it says so. */

const CLI = path.join(import.meta.dirname, '..', '..', 'cli', 'agents.ts');
const TIMEOUT_MS = 300_000;

const folders: string[] = [];
const newDataDir = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'outpost-install-'));
  folders.push(folder);
  return folder;
};
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

const runCli = async (dataDir: string, args: readonly string[], env: Record<string, string> = {}) => {
  const child = Bun.spawn([process.execPath, CLI, ...args], {
    env: { ...process.env, ...env, OUTPOST_DATA_DIR: dataDir },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode: await child.exited, stdout, stderr };
};

const first = await installAgent(DEMO_AGENT, await newDataDir(), () => undefined);
if (!first.ok) console.log(`SKIPPED installs: ${first.message}`);
const online = test.skipIf(!first.ok);

online(
  'installs once, then finds it there',
  async () => {
    const dataDir = await newDataDir();
    const lines: string[] = [];
    const fresh = await installAgent(DEMO_AGENT, dataDir, (line) => lines.push(line));
    expect(fresh).toMatchObject({ ok: true, fresh: true });
    expect(lines.length).toBeGreaterThan(0);
    const again = await installAgent(DEMO_AGENT, dataDir, (line) => lines.push(`again: ${line}`));
    expect(again).toMatchObject({ ok: true, fresh: false });
    expect(lines.filter((line) => line.startsWith('again'))).toEqual([]);
    const root = installRootOf(dataDir);
    expect(await readlink(path.join(root, DEMO_AGENT))).toStartWith('.store/');
    expect((await readdir(root)).toSorted()).toEqual(['.store', DEMO_AGENT]);
  },
  TIMEOUT_MS,
);

online(
  'is readable and executable for other users',
  async () => {
    const dataDir = await newDataDir();
    const result = await installAgent(DEMO_AGENT, dataDir, () => undefined);
    if (!result.ok) throw new Error(result.message);
    const root = path.join(installRootOf(dataDir), DEMO_AGENT);
    for (const name of await readdir(root, { recursive: true })) {
      const entry = await lstat(path.join(root, name));
      if (entry.isSymbolicLink()) continue;
      expect(entry.mode & 0o004).toBe(0o004);
      if (entry.isDirectory()) expect(entry.mode & 0o001).toBe(0o001);
    }
    expect((await stat(result.executable)).isFile()).toBe(true);
  },
  TIMEOUT_MS,
);

online(
  'several processes at once all succeed and leave one install',
  async () => {
    const dataDir = await newDataDir();
    const runs = await Promise.all([1, 2, 3].map(() => runCli(dataDir, [DEMO_AGENT])));
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(await readdir(path.join(installRootOf(dataDir), '.store'))).toHaveLength(1);
    const again = await runCli(dataDir, [DEMO_AGENT]);
    expect(again.stdout).toBe(`${DEMO_AGENT}: already installed\n`);
  },
  TIMEOUT_MS,
);

online(
  'removes what a killed installer left, and not what a living one is at',
  async () => {
    const dataDir = await newDataDir();
    const root = installRootOf(dataDir);
    const dead = Bun.spawn(['true']);
    await dead.exited;
    const abandoned = path.join(root, `.tmp-${dead.pid}-x`);
    const alive = path.join(root, `.tmp-${process.pid}-x`);
    for (const folder of [abandoned, alive]) await mkdir(folder, { recursive: true });
    await installAgent(DEMO_AGENT, dataDir, () => undefined);
    expect(existsSync(abandoned)).toBe(false);
    expect(existsSync(alive)).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  'an unreachable registry is one line with the remedy, and leaves nothing half done',
  async () => {
    const dataDir = await newDataDir();
    const run = await runCli(dataDir, [DEMO_AGENT], {
      BUN_CONFIG_REGISTRY: 'http://127.0.0.1:9/',
      BUN_INSTALL_CACHE_DIR: await newDataDir(),
    });
    expect(run.exitCode).toBe(1);
    expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(run.stderr).toContain(`${DEMO_AGENT} could not be installed`);
    expect(run.stderr).toContain('registry');
    expect(await readdir(installRootOf(dataDir))).toEqual(['.store']);
    expect(await readdir(path.join(installRootOf(dataDir), '.store'))).toEqual([]);
  },
  TIMEOUT_MS,
);

test('an unknown agent is refused with the list of the known ones', async () => {
  const run = await runCli(await newDataDir(), ['nonsense']);
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain('there is no agent nonsense');
  expect(run.stderr).toContain('claude, codex, gemini, grok, aider');
});
