import { describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../../cli/run-tool.ts';
import { fakeBuild, readStacks, synthesize, type Stacks } from './synthesis.ts';

/** The community's continuation of CDKTF, under CDKTF's names: what a switch would take is three lines. */
const SWITCH = {
  cdktf: 'npm:cdktn@0.24.0',
  '@cdktf/provider-aws': 'npm:@cdktn/provider-aws@25.7.0',
  cdktn: '0.24.0',
};
const ROOT = join(import.meta.dir, '../..');
const SOURCES = ['stacks', 'shared', 'docs/openapi.json', 'main.ts', 'cdktf.json'];

/** 400 MB on disk for one question: asked in CI. */
const everything = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1) > 1;
const reason = everything ? '' : ' (skipped: only with OUTPOST_TEST_SCALE above 1)';

/** How many of each type there are. */
const counts = (stacks: Stacks) =>
  Object.fromEntries(
    Object.entries(stacks).map(([name, { resource }]) => [
      name,
      Object.fromEntries(Object.entries(resource).map(([type, all]) => [type, Object.keys(all).toSorted()])),
    ]),
  );

describe.skipIf(!everything)(`cdktn${reason}`, () => {
  test('synthesizes the same resources from the same files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'outpost-cdktn-'));
    try {
      for (const source of SOURCES) {
        mkdirSync(join(folder, source, '..'), { recursive: true });
        cpSync(join(ROOT, source), join(folder, source), {
          recursive: true,
          filter: (path) => !path.includes('node_modules') && !path.endsWith('stacks/bun.lock'),
        });
      }
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      const manifest: { dependencies: Record<string, string> } = JSON.parse(
        readFileSync(join(folder, 'stacks/package.json'), 'utf8'),
      );
      Object.assign(manifest.dependencies, SWITCH);
      writeFileSync(join(folder, 'stacks/package.json'), JSON.stringify(manifest));
      fakeBuild(join(folder, 'dist'));
      const installed = await runTool(
        [process.execPath, 'install', '--ignore-scripts', '--no-progress'],
        join(folder, 'stacks'),
      );
      expect({ ...installed, output: installed.exitCode === 0 ? '' : installed.output }).toEqual({
        exitCode: 0,
        output: '',
      });
      const synthesized = await runTool([process.execPath, 'main.ts'], folder);
      expect(synthesized.exitCode === 0 ? '' : synthesized.output).toBe('');
      expect(counts(readStacks(join(folder, 'cdktf.out'), 'dev'))).toEqual(counts(await synthesize('dev')));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 600_000);
});
