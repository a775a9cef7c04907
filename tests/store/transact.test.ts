import { afterAll, beforeAll, beforeEach, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { randomHex } from '../../shared/ids.ts';
import { getItem, type Store } from '../../shared/store/store.ts';
import { ConditionFailed, transact, type Write } from '../../shared/store/transact.ts';
import type { Fault, FaultRule } from '../../local/aws/faults.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf } from '../harness/outpost.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Whatever goes wrong between us and DynamoDB, a transaction that returned happened exactly once. */

let local: LocalAws;
let store: Store;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  ({ store } = awsOf(local));
});
afterAll(() => local.stop());
beforeEach(() => local.faults.clear());

const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

const key = (name: string) => ({ pk: `TEST#${name}`, sk: 'X' });

/** Adds one to two counters, which must therefore always be equal. */
const addOne = (name: string): Write[] =>
  ['left', 'right'].map((side) => ({
    label: side,
    table: 'tenants',
    update: key(`${name}-${side}`),
    change: { add: { count: 1 } },
  }));

async function counts(name: string): Promise<number[]> {
  const items = ['left', 'right'].map((side) => getItem(store, 'tenants', key(`${name}-${side}`)));
  return (await Promise.all(items)).map((item) => Number(item?.['count']?.N ?? 0));
}

/** Few where each one waits: after a throttle the SDK backs off by up to a second. */
const writesUnder = ({ kind }: Fault): number =>
  (kind === 'throttle' || kind === 'conflict' ? 8 : 30) * SCALE;

const rule = (fault: Fault, probability: number): FaultRule => ({
  service: 'dynamodb',
  operation: 'TransactWriteItems',
  probability,
  fault,
});

const ERROR = { status: 500, code: 'InternalServerError' } as const;

describe.each([
  ['conflicts', rule({ kind: 'conflict' }, 0.5)],
  ['5xx before the commit', rule({ kind: 'error_before', ...ERROR }, 0.3)],
  ['5xx after the commit', rule({ kind: 'error_after', ...ERROR }, 0.3)],
  ['requests that are lost', rule({ kind: 'drop_request' }, 0.3)],
  ['replies that are lost', rule({ kind: 'drop_reply' }, 0.3)],
  ['throttling of 30 %', rule({ kind: 'throttle' }, 0.3)],
] as [string, FaultRule][])('under %s', (_, fault) => {
  test(
    'every transaction that returned happened exactly once, whole',
    async () => {
      const name = randomHex(4);
      await local.faults.set([fault]);
      const writes = writesUnder(fault.fault);
      let returned = 0;
      for (let count = 0; count < writes; count += 1) {
        // One that fails for good, after all retries, may have happened or not; but then whole.
        returned += await transact(store, addOne(name)).then(
          () => 1,
          () => 0,
        );
      }
      const injected = (await local.faults.list()).reduce((sum, { hits }) => sum + hits, 0);
      await local.faults.clear();
      const [left = 0, right] = await counts(name);
      expect(injected).toBeGreaterThan(0);
      expect(left).toBe(right ?? -1);
      expect(left).toBeGreaterThanOrEqual(returned);
      expect(left).toBeLessThanOrEqual(writes);
      expect(returned).toBeGreaterThan(writes * 0.8);
    },
    60_000 * SCALE,
  );
});

test('concurrent transactions on the same items all happen', async () => {
  const name = randomHex(4);
  await Promise.all(Array.from({ length: 20 }, () => transact(store, addOne(name))));
  expect(await counts(name)).toEqual([20, 20]);
});

test('a condition that fails says which, shows what was found, and nothing was written', async () => {
  const name = randomHex(4);
  await transact(store, addOne(name));
  const refused = transact(store, [
    ...addOne(name),
    {
      label: 'guard',
      table: 'tenants',
      check: key(`${name}-none`),
      condition: 'attribute_exists(#pk)',
    },
    {
      label: 'seen',
      table: 'tenants',
      put: { ...key(`${name}-fresh`), a: 1 },
      condition: 'attribute_not_exists(#pk)',
    },
  ]);
  const error: unknown = await refused.catch((thrown: unknown) => thrown);
  if (!(error instanceof ConditionFailed)) throw new Error('not refused');
  expect([...error.failed.keys()]).toEqual(['guard']);
  expect(await counts(name)).toEqual([1, 1]);
  expect(await getItem(store, 'tenants', key(`${name}-fresh`))).toBeUndefined();
});
