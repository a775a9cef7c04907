import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createRateLimiter, type RateLimiter, type RateState } from '../../api/rate-limiter.ts';
import type { Aws } from '../../shared/deps.ts';
import { OutpostError } from '../../shared/errors.ts';
import { newUlid } from '../../shared/ids.ts';
import { rateKey } from '../../shared/store/item-keys.ts';
import { getItem } from '../../shared/store/store.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf } from '../harness/outpost.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row A5, on the limiter itself: many instances over one table, and a minute that ends when the test says so. */
const MINUTE_MS = 60_000;
/** The beginning of a minute far ahead: TTL, which goes by the real time, must not remove the counters. */
const START = 4_102_444_800_000;
const INSTANCES = 20;

let local: LocalAws;
let aws: Aws;
let clock: FakeClock;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
  clock = createFakeClock(START);
});
afterAll(() => local.stop());

const instance = (): RateLimiter => createRateLimiter({ ...aws.store, clock });

/** The state after a request that was let through; undefined when it was refused. */
async function taken(limiter: RateLimiter, keyId: string, limit: number): Promise<RateState | undefined> {
  try {
    return await limiter.take(keyId, limit);
  } catch (error) {
    if (error instanceof OutpostError && error.errorCode === 'rate_limited') return undefined;
    throw error;
  }
}

/** How many of `asks` concurrent requests an instance lets through. */
async function admitted(limiter: RateLimiter, keyId: string, limit: number, asks: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: asks }, () => taken(limiter, keyId, limit)));
  return answers.filter((answer) => answer !== undefined).length;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

async function grantedInTable(keyId: string): Promise<number> {
  const item = await getItem(aws.store, 'tenants', rateKey(keyId, Math.floor(clock.now() / MINUTE_MS)));
  return Number(item?.['granted']?.N ?? 0);
}

test(`${INSTANCES} instances of one key let through the limit, all of it and no more`, async () => {
  const limit = 200;
  const keyId = newUlid();
  const limiters = Array.from({ length: INSTANCES }, instance);
  await local.calls.start();
  const waves: number[] = [];
  for (let wave = 0; wave < 4; wave += 1) {
    waves.push(...(await Promise.all(limiters.map((each) => admitted(each, keyId, limit, 10)))));
  }
  const calls = await local.calls.stop();
  const through = sum(waves);
  const asked = INSTANCES * 40;
  console.log(
    `A5: ${INSTANCES} instances, limit ${limit}: ${through} of ${asked} let through, ${calls.length} writes ` +
      `(${(calls.length / asked).toFixed(3)} a request, ${(calls.length / through).toFixed(3)} a granted one)`,
  );
  expect(through).toBe(limit);
  expect(await grantedInTable(keyId)).toBe(limit);
});

test('a lone busy instance writes once in many requests', async () => {
  const keyId = newUlid();
  const limiter = instance();
  await local.calls.start();
  const through = await admitted(limiter, keyId, 1000, 1000);
  const calls = await local.calls.stop();
  console.log(`A5: one instance, ${through} requests: ${calls.length} writes`);
  expect(through).toBe(1000);
  expect(calls.length).toBeLessThanOrEqual(7 + Math.ceil(1000 / 64));
});

test('an instance that goes quiet strands at most what it used', async () => {
  const limit = 500;
  const keyId = newUlid();
  const quiet = Array.from({ length: INSTANCES - 1 }, instance);
  const used = await Promise.all(quiet.map((each, index) => admitted(each, keyId, limit, (index % 7) + 1)));
  const stranded = (await grantedInTable(keyId)) - sum(used);
  const through = await admitted(instance(), keyId, limit, limit);
  console.log(`A5: quiet instances used ${sum(used)} and stranded ${stranded} of ${limit} tokens`);
  expect(stranded).toBeLessThanOrEqual(sum(used));
  expect(sum(used) + through + stranded).toBe(limit);
});

test('the requests of one instance that come at once share its leases', async () => {
  const keyId = newUlid();
  const limiter = instance();
  await local.calls.start();
  const through = await admitted(limiter, keyId, 50, 300);
  const calls = await local.calls.stop();
  expect(through).toBe(50);
  // 1 + 2 + 4 + 8 + 16, the refused lease of 32, and the 19 that were left.
  expect(calls).toHaveLength(7);
});

test('the next minute begins anew, and a token of the last one is not carried over', async () => {
  const limit = 10;
  const keyId = newUlid();
  const limiters = [instance(), instance()];
  const minute = () => Promise.all(limiters.map((each) => admitted(each, keyId, limit, 15)));
  expect(sum(await minute())).toBe(limit);
  expect(sum(await minute())).toBe(0);
  clock.advance(MINUTE_MS);
  expect(sum(await minute())).toBe(limit);
});

test('what is asked for beside the look-up of a key counts, and lets nobody beyond the limit', async () => {
  const limit = 30;
  const key = newUlid();
  const limiters = Array.from({ length: INSTANCES }, instance);
  const through = await Promise.all(
    limiters.map((each, index) => {
      if (index % 2 === 0) each.prepare(key);
      // As often as to use up whatever it has leased.
      return admitted(each, key, limit, limit);
    }),
  );
  expect(sum(through)).toBe(limit);
  clock.advance(MINUTE_MS);
  const lone = instance();
  await local.calls.start();
  lone.prepare(key);
  lone.prepare(key);
  expect(await lone.take(key, limit)).toMatchObject({ remaining: limit - 1 });
  expect(await local.calls.stop()).toHaveLength(1);
  clock.advance(MINUTE_MS);
  expect(await admitted(instance(), key, limit, limit)).toBe(limit);
  const late = instance();
  late.prepare(key);
  expect(await taken(late, key, limit)).toBeUndefined();
});

test('the reset counts down to the end of the calendar minute', async () => {
  const limiter = instance();
  const keyId = newUlid();
  const into = START % MINUTE_MS;
  expect((await limiter.take(keyId, 10)).resetSeconds).toBe((MINUTE_MS - into) / 1000);
  clock.advance(MINUTE_MS - into - 1);
  expect((await limiter.take(keyId, 10)).resetSeconds).toBe(1);
  clock.advance(1);
  expect(await limiter.take(keyId, 10)).toEqual({ limit: 10, remaining: 9, resetSeconds: 60 });
});

test('a limit that was lowered within the minute binds at once, one that was raised too', async () => {
  const keyId = newUlid();
  const limiter = instance();
  expect(await admitted(limiter, keyId, 20, 30)).toBe(20);
  expect(await admitted(instance(), keyId, 5, 5)).toBe(0);
  expect(await admitted(limiter, keyId, 25, 30)).toBe(5);
});

describe('when DynamoDB', () => {
  test('fails, nothing is let through', async () => {
    const limiter = instance();
    await local.faults.set([{ service: 'dynamodb', match: 'RATE#', fault: { kind: 'outage' } }]);
    await expect(limiter.take(newUlid(), 10)).rejects.toThrow('Injected fault');
    const key = newUlid();
    limiter.prepare(key);
    await expect(limiter.take(key, 10)).rejects.toThrow('Injected fault');
    await local.faults.clear();
    expect(await admitted(limiter, key, 10, 20)).toBe(10);
  });

  test('loses replies, the limit holds all the same', async () => {
    const limit = 100;
    const keyId = newUlid();
    const rule = { service: 'dynamodb', match: 'RATE#', probability: 0.3, seed: 7 } as const;
    await local.faults.set([{ ...rule, fault: { kind: 'drop_reply' } }]);
    const through = await Promise.all(
      Array.from({ length: 8 }, () => admitted(instance(), keyId, limit, 20)),
    );
    await local.faults.clear();
    console.log(`A5: 30 % of replies lost: ${sum(through)} of ${limit} let through, the rest is stranded`);
    expect(sum(through)).toBeLessThanOrEqual(limit);
    expect(sum(through)).toBeGreaterThan(0);
    expect(await grantedInTable(keyId)).toBeLessThanOrEqual(limit);
  });
});
