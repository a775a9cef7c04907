import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { startDynoxide, startLocal, type Backend } from './backends.ts';
import { nextOperation, type FuzzOperation } from './fuzz-operations.ts';
import { seeded } from './fuzz-random.ts';
import { createFuzzTables } from './fuzz-tables.ts';
import { KNOWN_DIFFERENCES, type Difference } from './known-differences.ts';
import { outcomeOf } from './outcome.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const SEED = 20_260_101;
const OPERATIONS_PER_RUN = 1500;
const RUNS = Math.max(1, Number(process.env['OUTPOST_TEST_SCALE'] ?? 1));
const RUN_MS = 240_000;

const dynoxide = await startDynoxide();
await dynoxide?.stop();

for (let run = 0; run < RUNS; run += 1) {
  test.skipIf(dynoxide === undefined)(
    `${OPERATIONS_PER_RUN} random operations (seed ${SEED + run}) come out as on the referee`,
    async () => {
      const local = await startLocal();
      const referee = await startDynoxide();
      if (referee === undefined) throw new Error('the referee went away');
      try {
        const { unexplained, succeeded } = await compare(local, referee, SEED + run);
        expect(unexplained).toEqual([]);
        // A run in which most calls fail would compare little but error names.
        expect(succeeded).toBeGreaterThan(OPERATIONS_PER_RUN / 3);
      } finally {
        await local.stop();
        await referee.stop();
      }
    },
    RUN_MS,
  );
}

async function compare(local: Backend, referee: Backend, seed: number) {
  await createFuzzTables(local.client);
  await createFuzzTables(referee.client);
  const random = seeded(seed);
  const unexplained: Difference[] = [];
  let succeeded = 0;
  for (let index = 0; index < OPERATIONS_PER_RUN; index += 1) {
    const operation = nextOperation(random);
    const difference = await runOnBoth(operation, local, referee);
    if (difference.local.error === undefined) succeeded += 1;
    if (same(difference)) continue;
    if (!KNOWN_DIFFERENCES.some(({ explains }) => explains?.(difference))) unexplained.push(difference);
    const succeededOnce = difference.local.error === undefined || difference.other.error === undefined;
    if (succeededOnce) await align(operation, local, referee);
  }
  return { unexplained, succeeded };
}

async function runOnBoth(operation: FuzzOperation, local: Backend, referee: Backend): Promise<Difference> {
  return {
    kind: operation.kind,
    input: JSON.stringify(operation.input),
    local: await outcomeOf(() => operation.send(local.client), operation.unordered),
    other: await outcomeOf(() => operation.send(referee.client), operation.unordered),
  };
}

const same = ({ local, other }: Difference): boolean =>
  local.error === other.error && Bun.deepEquals(local.result, other.result);

/** After a write that came out differently, makes the referee's items what ours are: one difference stays one. */
async function align({ touched = [] }: FuzzOperation, local: Backend, referee: Backend): Promise<void> {
  for (const { TableName, Key } of touched) {
    const { Item } = await local.client.send(new GetItemCommand({ TableName, Key }));
    if (Item === undefined) await referee.client.send(new DeleteItemCommand({ TableName, Key }));
    else await referee.client.send(new PutItemCommand({ TableName, Item }));
  }
}
