import { isoTime } from '../shared/clock.ts';
import { OutpostError } from '../shared/errors.ts';
import type { AuditEntry } from '../shared/model/audit-entry.ts';
import { auditWrite } from '../shared/store/audit/entry-write.ts';
import { keyInForce } from '../shared/store/key-in-force.ts';
import type { Store } from '../shared/store/store.ts';
import { ConditionFailed, transact, type Write } from '../shared/store/transact.ts';
import type { Caller } from './caller.ts';
import {
  type Answer,
  claimKey,
  earlierAnswer,
  type IdempotentRequest,
  recordAnswer,
  releaseKey,
} from './idempotency.ts';

type WriteOptions = {
  /** What the audit entry names, when the path does not say it (the id of what is created). */
  readonly resource?: string;
  readonly metadata?: AuditEntry['metadata'];
  /** The answer that a repetition gets, when it must differ: a key is shown once. */
  readonly replay?: Answer;
  /**
   * Leave out the check that the key is in force. Only for POST /jobs, whose claim checks it: so that
   * submissions share no item.
   */
  readonly withoutKeyCheck?: true;
};

/**
 * What every change of state leaves behind, in the same transaction: its audit entry (no entry, no change),
 * the record of its Idempotency-Key, and the check that the key is still in force (row A3).
 */
export type Change = {
  writes(answer: Answer, options?: WriteOptions): Write[];
  /**
   * Runs a change outside the tables (a secret). Before it come the entry that it is being made, the check that
   * the key is in force, and the claim of the Idempotency-Key. `commit` follows when it was made; should it
   * fail, the entry says so.
   */
  announced<T>(run: () => Promise<T>): Promise<T>;
  /** Runs a transaction that contains `writes`: false when it wrote nothing. Tells what failed conditions mean. */
  attempt(run: () => Promise<boolean>): Promise<boolean>;
  /** `transact` with `writes`, within `attempt`. Throws ConditionFailed for the operation's own conditions. */
  commit(writes: readonly Write[], answer: Answer, options?: WriteOptions): Promise<void>;
};

export type ChangeRequest = {
  readonly caller: Caller;
  readonly entry: AuditEntry;
  /** Present when the request came with an Idempotency-Key. */
  readonly idempotent?: IdempotentRequest;
};

export function createChange(store: Store, request: ChangeRequest): Change {
  const { caller, entry, idempotent } = request;

  const writes = (answer: Answer, options: WriteOptions = {}): Write[] => [
    auditWrite(store, {
      ...entry,
      outcome: 'allowed',
      status: answer.status,
      resource: options.resource ?? entry.resource,
      metadata: { ...entry.metadata, ...options.metadata },
    }),
    ...(options.withoutKeyCheck === true ? [] : [keyInForce(caller.keyHash, isoTime(store.clock.now()))]),
    ...(idempotent === undefined ? [] : [recordAnswer(store, idempotent, options.replay ?? answer)]),
  ];

  const attempt = async (run: () => Promise<boolean>): Promise<boolean> => {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (idempotent !== undefined && error.failed.has('idempotency')) {
        const earlier = await earlierAnswer(store, idempotent, error.failed.get('idempotency'));
        if (earlier !== undefined) throw earlier;
      }
      if (error.failed.has('key') || error.failed.has(`copy:${caller.keyHash}`)) {
        throw new OutpostError(
          'forbidden',
          'This key was revoked, or its tenant may not change anything now.',
        );
      }
      throw error;
    }
  };

  return {
    writes,
    attempt,
    announced: async (run) => {
      await attempt(async () => {
        const expected = { ...entry, outcome: 'allowed', status: null } as const;
        await transact(store, [
          auditWrite(store, expected, 'expected'),
          keyInForce(caller.keyHash, isoTime(store.clock.now())),
          ...(idempotent === undefined ? [] : [claimKey(store, idempotent)]),
        ]);
        return true;
      });
      try {
        return await run();
      } catch (error) {
        // Its own failure is nothing to report: the claim ends by itself.
        if (idempotent !== undefined) await Promise.allSettled([releaseKey(store, idempotent)]);
        throw error;
      }
    },
    commit: async (own, answer, options) => {
      await attempt(async () => {
        await transact(store, [...own, ...writes(answer, options)]);
        return true;
      });
    },
  };
}
