import { isoTime } from '../shared/clock.ts';
import { describeError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { keyUseKey } from '../shared/store/item-keys.ts';
import type { Store } from '../shared/store/store.ts';
import { updateItem } from '../shared/store/update-item.ts';

export type KeyUse = {
  /** Notes that a key was used just now. Writes at most once a minute and key, beside the request. */
  note(keyId: string): void;
  /** Resolves when all notes are written: before a process is frozen or ends. */
  settled(): Promise<void>;
};

const COALESCED_MS = 60_000;
const MAX_KEYS = 10_000;

/** Row A1: last_used, coalesced to 60 s, on an item of its own, so that it never touches the key's. */
export function createKeyUse(store: Store, log: Log): KeyUse {
  const written = new Map<string, number>();
  const underWay = new Set<Promise<void>>();

  const write = async (keyId: string, now: number): Promise<void> => {
    try {
      await updateItem(store, 'tenants', keyUseKey(keyId), {
        set: { key_id: keyId, last_used: isoTime(now) },
        // Other instances write it, too: the latest stays.
        condition: 'attribute_not_exists(#last_used) OR #last_used < :now',
        values: { now: isoTime(now) },
      });
    } catch (error) {
      written.delete(keyId);
      log.warn('key_use.failed', { key_id: keyId, ...describeError(error) });
    }
  };

  return {
    note(keyId) {
      const now = store.clock.now();
      const last = written.get(keyId);
      if (last !== undefined && now - last < COALESCED_MS) return;
      if (written.size >= MAX_KEYS) written.clear();
      written.set(keyId, now);
      const writing = write(keyId, now).finally(() => underWay.delete(writing));
      underWay.add(writing);
    },
    async settled() {
      await Promise.all(underWay);
    },
  };
}
