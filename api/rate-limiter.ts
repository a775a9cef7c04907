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
  /** Takes one request of a key's minute. Throws rate_limited when the minute's are used up. */
  take(keyId: string, limit: number): Promise<RateState>;
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
};

/**
 * Row A5: requests a calendar minute and key, never more than the limit over all instances. An instance leases
 * tokens from the minute's counter by one conditional write and spends them in memory. Leases double from one
 * token, so a busy instance writes about log2(64) times and then once in 64 requests, and what an instance
 * strands at the end of its minute is at most what it has used, and never more than 63 tokens.
 */
export function createRateLimiter(store: Store): RateLimiter {
  const buckets = new Map<string, Bucket>();

  const bucketOf = (keyId: string, minute: number): Bucket => {
    const known = buckets.get(keyId);
    if (known?.minute === minute) return known;
    // Set anew, not replaced: so the map's order is that of the minutes.
    buckets.delete(keyId);
    if (buckets.size >= MAX_KEYS) makeRoom(buckets, minute);
    const fresh: Bucket = { minute, tokens: 0, nextLease: 1, granted: 0, leasing: undefined };
    buckets.set(keyId, fresh);
    return fresh;
  };

  return {
    async take(keyId, limit) {
      const now = store.clock.now();
      const minute = Math.floor(now / MINUTE_MS);
      const resetSeconds = Math.max(1, Math.ceil(((minute + 1) * MINUTE_MS - now) / 1000));
      const bucket = bucketOf(keyId, minute);
      while (bucket.tokens === 0) {
        if (bucket.granted >= limit) throw exceeded(limit, resetSeconds);
        bucket.leasing ??= lease(store, keyId, limit, bucket).finally(() => {
          bucket.leasing = undefined;
        });
        await bucket.leasing;
      }
      bucket.tokens -= 1;
      return { limit, remaining: Math.max(0, limit - bucket.granted) + bucket.tokens, resetSeconds };
    },
  };
}

/** One conditional write for the next lease; where fewer are left, for the rest. */
async function lease(store: Store, keyId: string, limit: number, bucket: Bucket): Promise<void> {
  let amount = Math.min(bucket.nextLease, LEASE_MAX, limit);
  for (;;) {
    const before = await grant(store, keyId, limit, bucket.minute, amount);
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
  keyId: string,
  limit: number,
  minute: number,
  amount: number,
): Promise<number | undefined> {
  const { UpdateExpression, ...rest } = writeExpression({
    add: { granted: amount },
    set: { ttl: epochSeconds((minute + 1) * MINUTE_MS) + KEPT_SECONDS },
    condition: 'attribute_not_exists(#granted) OR #granted <= :room',
    values: { room: limit - amount },
  });
  try {
    await store.client.send(
      new UpdateItemCommand({
        TableName: store.tables.tenants,
        Key: toItem(rateKey(keyId, minute)),
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
  for (const [keyId, bucket] of buckets) {
    if (bucket.minute >= minute && left <= 0) return;
    buckets.delete(keyId);
    left -= 1;
  }
}
