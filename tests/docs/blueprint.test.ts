import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/blueprint.md'), 'utf8');

/** Every row of the requirements, by id. */
const ROWS =
  'A1 A2 A3 A4 A5 B1 B2 B3 B4 D1 D2 D3 G1 G2 G3 J1 J2 J3 J4 Q1 Q2 Q3 Q4 Q5 S1 S2 S3 S4 T1 U1 U2 W1 W2 W3 W4 W5'.split(
    ' ',
  );

test('every row of the requirements has its line', () => {
  const lines = [...PAGE.matchAll(/^\| ([A-Z]\d) \|/gm)].map(([, row]) => row);
  expect(new Set(lines)).toEqual(new Set(ROWS));
  expect(lines).toHaveLength(ROWS.length);
});

test('every file that the blueprint names is there', () => {
  const named = [...PAGE.matchAll(/`([\w./-]+\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('the README stays short and its links lead somewhere', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  expect(readme.split('\n').length).toBeLessThan(150);
  const links = [...readme.matchAll(/\]\(([\w./-]+)\)/g)].map(([, path = '']) => path);
  expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
