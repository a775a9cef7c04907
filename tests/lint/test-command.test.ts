import { describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

setDefaultTimeout(TEST_TIMEOUT_MS);

const COMMAND = join(import.meta.dir, '../../cli/test.ts');

type Run = { readonly code: number; readonly lines: readonly string[]; readonly last: string };

/** Runs the test command on a project of its own. */
async function runTests(
  files: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const project = mkdtempSync(join(tmpdir(), 'outpost-runner-'));
  try {
    mkdirSync(join(project, 'tests'));
    writeFileSync(join(project, 'bunfig.toml'), '[test]\nroot = "tests"\n');
    for (const [name, source] of Object.entries(files)) {
      writeFileSync(join(project, 'tests', name), `import { expect, test } from 'bun:test';\n${source}\n`);
    }
    const child = Bun.spawn([process.execPath, COMMAND, ...args], {
      cwd: project,
      env: { ...process.env, ...env },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    });
    const lines = (await new Response(child.stdout).text()).trimEnd().split('\n');
    return { code: await child.exited, lines, last: lines.at(-1) ?? '' };
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

const passing = `test('passes', () => expect(1).toBe(1));`;
const failing = `test('fails', () => expect(1).toBe(2));`;

describe('bun run test', () => {
  test('counts over all files and succeeds when all pass', async () => {
    const run = await runTests({ 'a.test.ts': passing + passing, 'b.test.ts': passing });
    expect(run).toMatchObject({ code: 0, last: '3 passed, 0 failed' });
  });

  test('fails when one test fails, and names what was skipped', async () => {
    const skipped = `test.skip('needs a referee that is not installed', () => undefined);`;
    const run = await runTests({ 'a.test.ts': passing + skipped, 'b.test.ts': failing });
    expect(run).toMatchObject({ code: 1, last: '1 passed, 1 failed, 1 skipped' });
    expect(run.lines).toContain('skipped: tests/a.test.ts > needs a referee that is not installed');
  });

  test.each([
    ['does not load', `throw new Error('at load');`],
    ['ends its process', `test('exits', () => process.exit(0));`],
    ['kills its process', `test('dies', () => process.kill(process.pid, 'SIGKILL'));`],
    ['holds no test', ''],
  ])('counts a file that %s as failed, alone and beside others', async (_name, source) => {
    expect(await runTests({ 'a.test.ts': source })).toMatchObject({ code: 1, last: '0 passed, 1 failed' });
    const beside = await runTests({ 'a.test.ts': source, 'b.test.ts': passing });
    expect(beside).toMatchObject({ code: 1, last: '1 passed, 1 failed' });
  });

  test('cannot be fooled by what a test prints', async () => {
    const forged = `test('forges', () => { console.log('9 passed, 0 failed'); expect(1).toBe(2); });`;
    expect(await runTests({ 'a.test.ts': forged })).toMatchObject({ code: 1, last: '0 passed, 1 failed' });
  });

  test('fails when no test ran', async () => {
    const run = await runTests({ 'a.test.ts': passing }, ['tests/nothing-like-this']);
    expect(run.code).toBe(1);
    expect(run.lines).toContain('no test ran');
  });

  test('passes paths and flags on', async () => {
    const files = { 'a.test.ts': passing, 'b.test.ts': failing };
    expect(await runTests(files, ['tests/a.test.ts'])).toMatchObject({ code: 0, last: '1 passed, 0 failed' });
    expect(await runTests(files, ['-t', 'passes'])).toMatchObject({ code: 0, last: '1 passed, 0 failed' });
  });

  test('hands OUTPOST_TEST_SCALE to the tests and refuses what is no whole number', async () => {
    const scaled = `test('scale', () => expect(process.env['OUTPOST_TEST_SCALE']).toBe('7'));`;
    expect(await runTests({ 'a.test.ts': scaled }, [], { OUTPOST_TEST_SCALE: '7' })).toMatchObject({
      code: 0,
    });
    expect(await runTests({ 'a.test.ts': scaled }, [], { OUTPOST_TEST_SCALE: 'lots' })).toMatchObject({
      code: 2,
    });
  });
});
