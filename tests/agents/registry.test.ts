import { describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { AGENT_IDS, AGENT_PROVIDERS, PROVIDERS } from '../../shared/agents.ts';
import { readExtraAgents } from '../../worker/agents/extra-agents.ts';
import { resolveExecutable } from '../../worker/agents/installed.ts';
import { BUILT_IN_AGENTS, DEMO_AGENT, createAgentRegistry } from '../../worker/agents/registry.ts';
import { type RenderContext, renderCommand } from '../../worker/agents/render.ts';
import type { AgentRow } from '../../worker/agents/row.ts';

const trivial: AgentRow = {
  id: 'trivial',
  install: 'none',
  exec: { any: '/bin/sh' },
  bunOptions: null,
  unpack: null,
  argv: ['-s'],
  prompt: 'stdin',
  provider: null,
  keyVariable: null,
  baseUrl: null,
  baseUrlSuffix: '',
  model: null,
  env: {},
  files: [],
  parser: 'text',
  killGraceMs: 100,
  minMemoryMb: 0,
};

const context: RenderContext = {
  executable: '/agents/x/bin/x',
  bun: '/usr/bin/bun',
  home: '/jobs/1/home',
  tmp: '/jobs/1/tmp',
  prompt: '--version {key} {home}',
  key: 'sk-secret',
  modelOrigin: null,
};

describe('the registry', () => {
  test('has every agent that the API knows, with the same provider and key variable', () => {
    expect(createAgentRegistry().ids.toSorted()).toEqual(AGENT_IDS.toSorted());
    for (const id of AGENT_IDS) {
      const provider = AGENT_PROVIDERS[id];
      expect(createAgentRegistry().findAgent(id)).toMatchObject({
        provider,
        keyVariable: PROVIDERS[provider].keyVariable,
      });
    }
    expect(createAgentRegistry().findAgent(DEMO_AGENT)).not.toBeNull();
  });

  test('knows no other', () => {
    expect(createAgentRegistry().findAgent('nonsense')).toBeNull();
    expect(createAgentRegistry().findAgent('__proto__')).toBeNull();
  });

  test("takes an operator's rows", () => {
    expect(createAgentRegistry([trivial]).findAgent('trivial')).toEqual(trivial);
  });

  test.each([
    ['an unknown field', [{ ...trivial, shell: true }]],
    ['an unknown placeholder', [{ ...trivial, argv: ['--say={prompt}'] }]],
    ['an unknown placeholder in the environment', [{ ...trivial, env: { A: '{key}' } }]],
    ['a taken id', [{ ...trivial, id: 'claude' }]],
    ['what is no list', trivial],
  ])('refuses %s', (_name, rows) => {
    expect(() => createAgentRegistry(rows)).toThrow('extra agents');
  });

  test('reads extra rows from a file, and says which file it could not read', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'outpost-agents-'));
    const file = path.join(folder, 'extra.json');
    await writeFile(file, JSON.stringify([trivial]));
    expect(await readExtraAgents(file)).toEqual([trivial]);
    await writeFile(file, '[');
    await expect(readExtraAgents(file)).rejects.toThrow(file);
    expect(await readExtraAgents(undefined)).toEqual([]);
    await rm(folder, { recursive: true });
  });
});

describe('rendering', () => {
  test.each(BUILT_IN_AGENTS.map((row) => [row.id, row] as const))('%s: no prompt in argv', (_id, row) => {
    const command = renderCommand(row, context);
    const visible = JSON.stringify([command.argv, command.env]);
    expect(visible).not.toContain('--version {key}');
    const fromFile = command.files.find(({ content }) => content === context.prompt);
    expect(row.prompt === 'stdin' ? command.stdin : fromFile?.content).toBe(context.prompt);
  });

  test.each(BUILT_IN_AGENTS.map((row) => [row.id, row] as const))(
    '%s: nothing but the job sees home, key and tmp, and no placeholder is left',
    (_id, row) => {
      const command = renderCommand(row, context);
      expect(command.argv[0]).toStartWith('/');
      expect(command.argv.join(' ')).not.toContain('sk-secret');
      expect(JSON.stringify(command.files.filter(({ content }) => content !== context.prompt))).not.toContain(
        'sk-secret',
      );
      expect(command.env[row.keyVariable ?? '']).toBe('sk-secret');
      expect(command.env).toMatchObject({ HOME: context.home, TMPDIR: context.tmp });
      const templates = [
        ...command.argv,
        ...Object.values(command.env),
        ...command.files.map((file) => file.path),
      ];
      for (const text of templates) expect(text).not.toMatch(/\{(model|baseUrl|home|tmp|promptFile)\}/);
      for (const file of command.files) expect(file.path).toMatch(/^\/jobs\/1\/(home|tmp)\//);
    },
  );

  test.each([
    ['claude', 'http://127.0.0.1:9'],
    ['codex', 'http://127.0.0.1:9/v1'],
    ['gemini', 'http://127.0.0.1:9'],
    ['grok', 'http://127.0.0.1:9/v1'],
    ['aider', 'http://127.0.0.1:9/v1'],
  ])('%s: an override of the origin replaces the provider everywhere', (id, expected) => {
    const row = createAgentRegistry().findAgent(id);
    if (row === null) throw new Error(`no row ${id}`);
    const command = renderCommand(row, { ...context, modelOrigin: 'http://127.0.0.1:9' });
    const rendered = JSON.stringify([command.argv, command.env, command.files]);
    expect(rendered).toContain(expected);
    expect(rendered).not.toContain('https://');
  });

  test('a prompt is never a template', () => {
    const command = renderCommand(trivial, context);
    expect(command).toEqual({
      argv: ['/agents/x/bin/x', '-s'],
      env: { PATH: expect.any(String), LANG: 'C.UTF-8', HOME: context.home, TMPDIR: context.tmp },
      files: [],
      stdin: context.prompt,
    });
  });

  test('the environment inherits nothing', () => {
    process.env['OUTPOST_TEST_LEAK'] = 'leak';
    for (const row of BUILT_IN_AGENTS)
      expect(renderCommand(row, context).env).not.toHaveProperty('OUTPOST_TEST_LEAK');
    delete process.env['OUTPOST_TEST_LEAK'];
  });
});

describe('executables', () => {
  test('what is not installed comes with its remedy', async () => {
    for (const row of BUILT_IN_AGENTS) {
      expect(await resolveExecutable(row, '/nonexistent')).toEqual({
        found: false,
        code: 'agent_missing',
        message: `${row.id} is not installed: run \`bun run agents ${row.id}\``,
      });
    }
  });

  test('a platform without a build is named', async () => {
    const codex = createAgentRegistry().findAgent('codex');
    if (codex === null) throw new Error('no codex');
    expect(await resolveExecutable(codex, '/nonexistent', { os: 'freebsd', arch: 'x64' })).toMatchObject({
      message: 'codex has no build for freebsd-x64',
    });
  });

  test('an executable of the machine is taken as it is', async () => {
    expect(await resolveExecutable(trivial, '/nonexistent')).toEqual({ found: true, executable: '/bin/sh' });
    const gone = { ...trivial, exec: { any: '/bin/nonexistent' } };
    expect(await resolveExecutable(gone, '/nonexistent')).toMatchObject({
      found: false,
      code: 'agent_missing',
    });
  });
});
