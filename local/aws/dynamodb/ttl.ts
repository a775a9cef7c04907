import type { Catalog } from './catalog.ts';
import type { Store } from './store.ts';
import { storeItem } from './write-item.ts';

// Items that expired longer ago are left alone.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html
const OLDEST_EXPIRY_SECONDS = 5 * 365 * 24 * 3600;

/** Deletes every item whose time has come, in one transaction; answers how many. */
export function sweepExpired(store: Store, catalog: Catalog, now: number): number {
  const seconds = Math.floor(now / 1000);
  const expired = store.expiredKeys(seconds - OLDEST_EXPIRY_SECONDS, seconds);
  if (expired.length === 0) return 0;
  store.transaction(() => {
    for (const { tableId, key } of expired) {
      const table = catalog.byId(tableId);
      const before = table && store.getItem(table, key);
      if (table && before) storeItem(store, table, key, before, undefined);
    }
  });
  return expired.length;
}
