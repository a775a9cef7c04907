import { type } from 'arktype';
import { epochSeconds } from '../shared/clock.ts';
import { OutpostError } from '../shared/errors.ts';
import { sha256 } from '../shared/hash.ts';
import { idempotencyKey } from '../shared/store/item-keys.ts';
import { fromItem, getItem, type Item, type Store } from '../shared/store/store.ts';
import { ConditionFailed, transact, type Write } from '../shared/store/transact.ts';

/** What a mutation answers with, known before it is committed. */
export type Answer = { readonly status: number; readonly body: unknown };

/** Not an error: the same request was answered before, with this. */
export class Replay extends Error {
  override readonly name = 'Replay';
  readonly answer: Answer;

  constructor(answer: Answer) {
    super('the request was answered before');
    this.answer = answer;
  }
}

/** One request with an Idempotency-Key (row J2; IETF draft-ietf-httpapi-idempotency-key-header). */
export type IdempotentRequest = {
  readonly tenantId: string;
  readonly key: string;
  /** Digest of method, path and body: the same key with another request is a conflict. */
  readonly requestHash: string;
  /** Tells apart whose claim it is. */
  readonly requestId: string;
};

const KEPT_MS = 24 * 3_600_000;
/** A claim outlives whatever its request can take, and ends by itself when its process died. */
const CLAIM_MS = 30_000;
const WAIT_MS = 8_000;
const LOOK_AGAIN_MS = 100;

const StoredAnswer = type({
  request_hash: 'string',
  status: 'number.integer',
  body: 'string',
  /** Epoch milliseconds. */
  expires_at: 'number',
  /** The request that is working on it; absent once it is answered. */
  'claimed_by?': 'string',
});

const keyOf = (request: IdempotentRequest) => idempotencyKey(request.tenantId, sha256(request.key));

/** TTL deletes late, so an expired record counts as gone; one's own claim is there to be replaced. */
const FREE_OR_OWN = 'attribute_not_exists(#pk) OR #expires_at <= :now OR #claimed_by = :self';

/** Records the answer, in the transaction of the change. Labelled `idempotency`. */
export const recordAnswer = (store: Store, request: IdempotentRequest, answer: Answer): Write =>
  put(store, request, KEPT_MS, { status: answer.status, body: JSON.stringify(answer.body ?? null) });

/**
 * Records the answer of a request that found nothing to change, so that its key is used, too. Answers the
 * replay of the same request when that was first; throws idempotency_conflict for another one.
 */
export async function keepAnswer(
  store: Store,
  request: IdempotentRequest,
  answer: Answer,
): Promise<Replay | undefined> {
  try {
    await transact(store, [recordAnswer(store, request, answer)]);
    return undefined;
  } catch (error) {
    if (!(error instanceof ConditionFailed)) throw error;
    return earlierAnswer(store, request, error.failed.get('idempotency'));
  }
}

/**
 * Claims the key before a change that no transaction can hold (a secret), so that duplicates wait for its
 * answer and do not make the change again. Labelled `idempotency`.
 */
export const claimKey = (store: Store, request: IdempotentRequest): Write =>
  put(store, request, CLAIM_MS, { status: 0, body: 'null', claimed_by: request.requestId });

function put(store: Store, request: IdempotentRequest, keptMs: number, fields: object): Write {
  const now = store.clock.now();
  return {
    label: 'idempotency',
    table: 'tenants',
    put: {
      ...keyOf(request),
      request_hash: request.requestHash,
      expires_at: now + keptMs,
      ttl: epochSeconds(now + keptMs),
      ...fields,
    },
    condition: FREE_OR_OWN,
    values: { now, self: request.requestId },
  };
}

/** Gives a claim back after its change failed, so that the next try need not wait for its end. */
export async function releaseKey(store: Store, request: IdempotentRequest): Promise<void> {
  await transact(store, [
    {
      label: 'claim',
      table: 'tenants',
      delete: keyOf(request),
      condition: '#claimed_by = :self',
      values: { self: request.requestId },
    },
  ]);
}

/**
 * The answer to an earlier request with this key, if there was one; waits for one that is being worked on.
 * Throws idempotency_conflict for another request, and for one that takes too long.
 */
export async function earlierAnswer(
  store: Store,
  request: IdempotentRequest,
  found?: Item,
): Promise<Replay | undefined> {
  const until = store.clock.monotonic() + WAIT_MS;
  let item = found ?? (await getItem(store, 'tenants', keyOf(request)));
  for (;;) {
    const record = item && fromItem(StoredAnswer, item);
    if (record === undefined || record.expires_at <= store.clock.now()) return undefined;
    if (record.request_hash !== request.requestHash) throw conflict();
    if (record.claimed_by === request.requestId) return undefined;
    if (record.claimed_by === undefined) {
      return new Replay({ status: record.status, body: JSON.parse(record.body) });
    }
    if (store.clock.monotonic() >= until) throw underWay();
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_AGAIN_MS);
    });
    item = await getItem(store, 'tenants', keyOf(request));
  }
}

const conflict = (): OutpostError =>
  new OutpostError(
    'idempotency_conflict',
    'This Idempotency-Key was sent with another request in the last 24 hours. Use a new key.',
    { errors: [{ field: 'Idempotency-Key', message: 'was used for another request' }] },
  );

const underWay = (): OutpostError =>
  new OutpostError('idempotency_conflict', 'The same request is being worked on. Try again.', {
    retryAfterSeconds: 1,
  });
