import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSpoolFolder, removeAbandonedSpools } from '../../../worker/output/spool-folder.ts';

/** That a worker removes what a killed one left is shown by tests/worker/loop/deaths.test.ts. */

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'outpost-spools-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const MODULE = join(import.meta.dir, '../../../worker/output/spool-folder.ts');

/** A folder that a process has left when it was killed. */
const abandon = (): string => {
  const script = `const { makeSpoolFolder } = require(${JSON.stringify(MODULE)});
    const { path } = makeSpoolFolder(${JSON.stringify(root)});
    require('node:fs').writeFileSync(path + '/output', 'what an agent wrote');
    require('node:fs').writeSync(1, path);
    process.kill(process.pid, 'SIGKILL');`;
  const { stdout, signalCode } = Bun.spawnSync([process.execPath, '-e', script]);
  expect(signalCode).toBe('SIGKILL');
  return stdout.toString();
};

test('a spool folder is removed once its process has ended, and not before', () => {
  const living = makeSpoolFolder(root);
  writeFileSync(join(living.path, 'output'), 'x');
  const dead = abandon();
  expect(existsSync(join(dead, 'output'))).toBe(true);
  expect(removeAbandonedSpools(root)).toBe(1);
  expect(existsSync(dead)).toBe(false);
  expect(existsSync(join(living.path, 'output'))).toBe(true);
  living.remove();
  expect(existsSync(living.path)).toBe(false);
  expect(removeAbandonedSpools(root)).toBe(0);
});

test('nothing is taken for a spool folder that is being made, is a link, or has another name', () => {
  const elsewhere = join(root, 'elsewhere');
  const others = [join(root, 'outpost-spool-new'), elsewhere];
  for (const folder of others) mkdirSync(folder);
  writeFileSync(join(elsewhere, 'lock'), '');
  symlinkSync(elsewhere, join(root, 'outpost-spool-link'));
  expect(removeAbandonedSpools(root)).toBe(0);
  for (const folder of others) expect(existsSync(folder)).toBe(true);
});

const isRoot = process.getuid?.() === 0;
test.skipIf(!isRoot)(`a tenant's folder is left alone${isRoot ? '' : ' (skipped: not root)'}`, () => {
  const planted = join(root, 'outpost-spool-planted');
  mkdirSync(planted);
  writeFileSync(join(planted, 'lock'), '');
  chownSync(planted, 2_000_000_000, 2_000_000_000);
  expect(removeAbandonedSpools(root)).toBe(0);
  expect(existsSync(planted)).toBe(true);
});
