import { ConditionalCheckFailedException, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { epochSeconds } from '../shared/clock.ts';
import { OutpostError } from '../shared/errors.ts';
import { writeExpression } from '../shared/store/expression.ts';
import { rateKey } from '../shared/store/item-keys.ts';
import { type Store, toItem } from '../shared/store/store.ts';

/** What a client is told of its limit (IETF draft RateLimit header fields). */
export type RateState = { readonly limit: number; readonly remaining: number; readonly resetSeconds: number };

export type RateLimiter = {
  /**
   * Asks for the first token of a key that is being looked up, beside the look-up: its limit is not known yet, so
   * take() decides whether the token counts. Does nothing where tokens or a lease are at hand.
   */
  prepare(keyHash: string): void;
  /** Takes one request of a key's minute. Throws rate_limited when the minute's are used up. */
  take(keyHash: string, limit: number): Promise<RateState>;
};

const MINUTE_MS = 60_000;
/** Items of past minutes are of no use to anybody. */
const KEPT_SECONDS = 300;
/** The first lease of an instance in a minute is one token; each further one is twice as large, up to this. */
const LEASE_MAX = 64;
const MAX_KEYS = 10_000;

/** Tokens of one key and minute that this instance holds. */
type Bucket = {
  readonly minute: number;
  tokens: number;
  nextLease: number;
  /** What all instances together had taken when this one last asked. */
  granted: number;
  leasing: Promise<void> | undefined;
  /** What all had taken with the token that prepare() asked for: within the limit, it counts. */
  prepared: number | undefined;
};

/**
 * Row A5: requests a calendar minute and key, never more than the limit over all instances. An instance leases
 * tokens from the minute's counter by one conditional write and spends them in memory. Leases double from one
 * token, so a busy instance writes about log2(64) times and then once in 64 requests, and what an instance
 * strands at the end of its minute is at most what it has used, and never more than 63 tokens.
 */
export function createRateLimiter(store: Store): RateLimiter {
  const buckets = new Map<string, Bucket>();

  const bucketOf = (keyHash: string, minute: number): Bucket => {
    const known = buckets.get(keyHash);
    if (known?.minute === minute) return known;
    // Set anew, not replaced: so the map's order is that of the minutes.
    buckets.delete(keyHash);
    if (buckets.size >= MAX_KEYS) makeRoom(buckets, minute);
    const fresh: Bucket = {
      minute,
      tokens: 0,
      nextLease: 1,
      granted: 0,
      leasing: undefined,
      prepared: undefined,
    };
    buckets.set(keyHash, fresh);
    return fresh;
  };

  const minuteOf = (now: number): number => Math.floor(now / MINUTE_MS);

  return {
    prepare(keyHash) {
      const bucket = bucketOf(keyHash, minuteOf(store.clock.now()));
      if (bucket.tokens > 0 || bucket.granted > 0 || bucket.leasing !== undefined) return;
      bucket.leasing = add(store, keyHash, bucket.minute)
        .then(
          (granted) => void (bucket.prepared = granted),
          // take() asks again then, and throws what fails.
          () => undefined,
        )
        .finally(() => {
          bucket.leasing = undefined;
        });
    },
    async take(keyHash, limit) {
      const now = store.clock.now();
      const minute = minuteOf(now);
      const resetSeconds = Math.max(1, Math.ceil(((minute + 1) * MINUTE_MS - now) / 1000));
      const bucket = bucketOf(keyHash, minute);
      accept(bucket, limit);
      while (bucket.tokens === 0) {
        if (bucket.granted >= limit) throw exceeded(limit, resetSeconds);
        bucket.leasing ??= lease(store, keyHash, limit, bucket).finally(() => {
          bucket.leasing = undefined;
        });
        await bucket.leasing;
        accept(bucket, limit);
      }
      bucket.tokens -= 1;
      return { limit, remaining: Math.max(0, limit - bucket.granted) + bucket.tokens, resetSeconds };
    },
  };
}

/** Takes in the token that prepare() asked for. One beyond the limit is nobody's: the counter only says so earlier. */
function accept(bucket: Bucket, limit: number): void {
  const { prepared } = bucket;
  if (prepared === undefined) return;
  bucket.prepared = undefined;
  bucket.granted = Math.max(bucket.granted, Math.min(limit, prepared));
  bucket.nextLease = 2;
  if (prepared <= limit) bucket.tokens += 1;
}

/** Adds one token to what is granted in a minute, whatever the limit is; answers how many are granted now. */
async function add(store: Store, keyHash: string, minute: number): Promise<number> {
  const { UpdateExpression, ...rest } = writeExpression({ add: { granted: 1 }, set: { ttl: ttlOf(minute) } });
  const { Attributes = {} } = await store.client.send(
    new UpdateItemCommand({
      TableName: store.tables.tenants,
      Key: toItem(rateKey(keyHash, minute)),
      UpdateExpression,
      ...rest,
      ReturnValues: 'UPDATED_NEW',
    }),
  );
  return Number(Attributes['granted']?.N);
}

const ttlOf = (minute: number): number => epochSeconds((minute + 1) * MINUTE_MS) + KEPT_SECONDS;

/** One conditional write for the next lease; where fewer are left, for the rest. */
async function lease(store: Store, keyHash: string, limit: number, bucket: Bucket): Promise<void> {
  let amount = Math.min(bucket.nextLease, LEASE_MAX, limit);
  for (;;) {
    const before = await grant(store, keyHash, limit, bucket.minute, amount);
    if (before === undefined) {
      bucket.tokens += amount;
      bucket.granted = Math.min(limit, bucket.granted + amount);
      bucket.nextLease = Math.min(bucket.nextLease * 2, LEASE_MAX);
      return;
    }
    bucket.granted = before;
    if (before >= limit) return;
    amount = limit - before;
  }
}

/** Undefined when the tokens were granted, else how many are gone already. */
async function grant(
  store: Store,
  keyHash: string,
  limit: number,
  minute: number,
  amount: number,
): Promise<number | undefined> {
  const { UpdateExpression, ...rest } = writeExpression({
    add: { granted: amount },
    set: { ttl: ttlOf(minute) },
    condition: 'attribute_not_exists(#granted) OR #granted <= :room',
    values: { room: limit - amount },
  });
  try {
    await store.client.send(
      new UpdateItemCommand({
        TableName: store.tables.tenants,
        Key: toItem(rateKey(keyHash, minute)),
        UpdateExpression,
        ...rest,
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    const granted: unknown = error.Item === undefined ? limit : unmarshall(error.Item)['granted'];
    return typeof granted === 'number' ? granted : limit;
  }
}

const exceeded = (limit: number, resetSeconds: number): OutpostError =>
  new OutpostError('rate_limited', `This key may send ${limit} requests a minute.`, {
    retryAfterSeconds: resetSeconds,
    rate: { limit, remaining: 0, resetSeconds },
  });

/**
 * Forgets the buckets of past minutes, or the oldest one when all are of this minute: its tokens are stranded,
 * and its key's next request leases anew.
 */
function makeRoom(buckets: Map<string, Bucket>, minute: number): void {
  let left = 1;
  for (const [keyHash, bucket] of buckets) {
    if (bucket.minute >= minute && left <= 0) return;
    buckets.delete(keyHash);
    left -= 1;
  }
}
