import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CLEAN, TARGETS, VIOLATIONS } from './fixtures.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const ROOT = join(import.meta.dir, '../..');

type Diagnostic = { readonly code: string; readonly filename: string; readonly message: string };
type Verdict = { readonly exitCode: number; readonly diagnostics: readonly Diagnostic[] };

/** Lints a tree of its own with the repository's configuration and plugin. */
async function lintTree(files: Readonly<Record<string, string>>): Promise<Verdict> {
  const tree = mkdtempSync(join(tmpdir(), 'outpost-lint-'));
  try {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'lint']) {
      cpSync(join(ROOT, name), join(tree, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
    for (const path of TARGETS) write(tree, path, 'export const value = 1;\nexport type Value = string;\n');
    for (const [path, source] of Object.entries(files)) write(tree, path, source);
    const folders = ['api', 'cli', 'local', 'shared', 'stacks', 'tests', 'unknown', 'worker'];
    for (const folder of folders) mkdirSync(join(tree, folder), { recursive: true });
    const child = Bun.spawn(
      [process.execPath, join(ROOT, 'node_modules/oxlint/bin/oxlint'), '--format=json', ...folders],
      { cwd: tree, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
    );
    const output: { diagnostics: Diagnostic[] } = JSON.parse(await new Response(child.stdout).text());
    return { exitCode: await child.exited, diagnostics: output.diagnostics };
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function write(tree: string, path: string, source: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), source);
}

let broken: Verdict;
let clean: Verdict;

beforeAll(async () => {
  broken = await lintTree(Object.fromEntries(VIOLATIONS.map(({ path, source }) => [path, source])));
  clean = await lintTree(CLEAN);
}, 120_000);

afterAll(() => expect(broken.exitCode).toBe(1));

describe('a seeded violation is reported', () => {
  test.each(VIOLATIONS.map(({ path, rule }) => [path, rule]))('%s by %s', (path, rule) => {
    const codes = broken.diagnostics.filter((item) => item.filename === path).map((item) => item.code);
    expect(codes).toContain(rule);
  });
});

test('what the rules allow is not reported', () => {
  expect(clean.diagnostics.map((item) => `${item.filename}: ${item.code} ${item.message}`)).toEqual([]);
  expect(clean.exitCode).toBe(0);
});
