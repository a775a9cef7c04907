import { hashApiKey } from '../shared/hash.ts';
import { API_KEY_PATTERN, ApiKeyRecord } from '../shared/model/api-key.ts';
import { apiKeyKey } from '../shared/store/item-keys.ts';
import { fromItem, getItem, type Store } from '../shared/store/store.ts';

/** Rows A1, A2: how long a found key is believed, and how long an unknown one is refused without a read. */
const KEPT_MS = 300_000;
const UNKNOWN_KEPT_MS = 10_000;
/** Bounds the memory that a stranger who guesses keys can take. */
const MAX_ENTRIES = 10_000;

export type Keyring = {
  /**
   * The record behind an API key, with its copy of the tenant; undefined for an unknown key, and without a
   * read for anything that is not shaped like one. May be as old as the cache allows: whatever starts work or
   * changes state checks the key again in its transaction. `onRead` is called with the key's hash when that
   * takes a read, as it begins.
   */
  find(apiKey: string, onRead?: (keyHash: string) => void): Promise<ApiKeyRecord | undefined>;
  /** Forgets a key, after it was changed in this process. */
  forget(keyHash: string): void;
};

type Entry = { readonly record: ApiKeyRecord | undefined; readonly until: number };

/** Looks API keys up by their hash: one strongly consistent read, cached, at most one under way for each. */
export function createKeyring(store: Store, pepper: string): Keyring {
  const cache = new Map<string, Entry>();
  const underWay = new Map<string, Promise<ApiKeyRecord | undefined>>();

  const keep = (hash: string, record: ApiKeyRecord | undefined): void => {
    if (cache.size >= MAX_ENTRIES) dropOldest(cache);
    const kept = record === undefined ? UNKNOWN_KEPT_MS : KEPT_MS;
    cache.set(hash, { record, until: store.clock.monotonic() + kept });
  };

  const read = async (hash: string): Promise<ApiKeyRecord | undefined> => {
    const item = await getItem(store, 'tenants', apiKeyKey(hash));
    return item && fromItem(ApiKeyRecord, item);
  };

  const start = (hash: string): Promise<ApiKeyRecord | undefined> => {
    // A read that was forgotten meanwhile may have seen the key before its change.
    const isCurrent = (): boolean => underWay.get(hash) === reading;
    const reading = read(hash)
      .then((record) => {
        if (isCurrent()) keep(hash, record);
        return record;
      })
      .finally(() => {
        if (isCurrent()) underWay.delete(hash);
      });
    underWay.set(hash, reading);
    return reading;
  };

  return {
    async find(apiKey, onRead) {
      if (!API_KEY_PATTERN.test(apiKey)) return undefined;
      const hash = hashApiKey(pepper, apiKey);
      const cached = cache.get(hash);
      if (cached !== undefined && cached.until > store.clock.monotonic()) return cached.record;
      onRead?.(hash);
      return underWay.get(hash) ?? start(hash);
    },
    forget(keyHash) {
      cache.delete(keyHash);
      underWay.delete(keyHash);
    },
  };
}

/** A Map iterates in the order of insertion. */
function dropOldest(cache: Map<string, Entry>): void {
  const oldest = cache.keys().next();
  if (oldest.done !== true) cache.delete(oldest.value);
}
