import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTS } from './table.ts';

const ROOT = join(import.meta.dir, '../..');

test('the table has every fault once', () => {
  expect(FAULTS.map(({ id }) => id)).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
});

test('every fault has a test that shows it, in the files that the table names', () => {
  for (const { id, files } of FAULTS) {
    for (const file of files) {
      expect(existsSync(join(ROOT, file))).toBe(true);
      expect(readFileSync(join(ROOT, file), 'utf8')).toContain(`shown(${id}, `);
    }
  }
});
