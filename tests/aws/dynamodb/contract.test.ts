import { join } from 'node:path';
import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { startDynoxide, startLocalProcess } from './backends.ts';
import { CONTRACT, contract } from './contract.ts';
import { KNOWN_DIFFERENCES } from './known-differences.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const local = await startLocalProcess();
const dynoxide = await startDynoxide();

afterAll(async () => {
  await local.stop();
  await dynoxide?.stop();
});

describe('local AWS', () => contract('local', () => local.client));

describe.skipIf(dynoxide === undefined)('dynoxide', () =>
  contract('dynoxide', () => {
    if (dynoxide === undefined) throw new Error('the referee is not installed');
    return dynoxide.client;
  }),
);

test('every known difference is shown by a case of the contract', () => {
  const shown = CONTRACT.flatMap(({ unlike }) => unlike ?? []);
  expect(shown.toSorted()).toEqual(KNOWN_DIFFERENCES.map(({ id }) => id).toSorted());
});

test('the documentation repeats every known difference', async () => {
  const page = await Bun.file(
    join(import.meta.dir, '../../../docs/local-aws-differences-dynamodb.md'),
  ).text();
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.trim());
  for (const { id, what, why } of KNOWN_DIFFERENCES) expect(rows).toContain(`| ${id} | ${what} | ${why} |`);
});
