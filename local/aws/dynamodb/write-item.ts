import type { AwsError } from '../errors.ts';
import { writeUnits, type Consumption } from './capacity.ts';
import { checkIndexKeys, indexEntry } from './item-keys.ts';
import { projectToIndex, type Index, type Table } from './schema.ts';
import { itemSize, MAX_ITEM_BYTES } from './size.ts';
import type { ItemKey, Store, StoredItem } from './store.ts';
import { expiryOf } from './expiry.ts';
import { validationError } from './validation.ts';
import { equalValues, type Item } from './values.ts';

/**
 * Replaces, inserts or (without `after`) deletes an item and its index entries; answers the write units.
 * Throws ValidationException for an item that is too large or has a bad index key. Belongs in a transaction.
 * @param updated whether an update expression made `after`: DynamoDB words its errors differently
 */
export function storeItem(
  store: Store,
  table: Table,
  key: ItemKey,
  before: StoredItem | undefined,
  after: Item | undefined,
  updated = false,
): Consumption {
  if (after !== undefined) checkIndexKeys(table, after, updated);
  const size = after === undefined ? 0 : itemSize(after);
  if (size > MAX_ITEM_BYTES) throw tooLarge(updated);
  if (after !== undefined) store.putItem(table, key, { item: after, size }, expiryOf(table, after));
  else if (before !== undefined) store.deleteItem(table, key);

  const indexes = new Map<string, number>();
  for (const index of table.indexes) {
    const units = storeEntry(store, table, index, key, before?.item, after);
    if (units > 0) indexes.set(index.name, units);
  }
  return { table: writeUnits(Math.max(before?.size ?? 0, size)), indexes };
}

const tooLarge = (updated: boolean): AwsError =>
  validationError(`Item size ${updated ? 'to update ' : ''}has exceeded the maximum allowed size`);

/** Moves an item's entry in one index; answers the units: none if the index does not see the change. */
export function storeEntry(
  store: Store,
  table: Table,
  index: Index,
  key: ItemKey,
  before: Item | undefined,
  after: Item | undefined,
): number {
  const [oldEntry, newEntry] = [indexEntry(index, before), indexEntry(index, after)];
  const moved = oldEntry === undefined || newEntry === undefined || !sameKey(oldEntry, newEntry);
  if (oldEntry && moved) store.deleteEntry(table, index.name, oldEntry, key);
  if (newEntry && moved) store.putEntry(table, index.name, newEntry, key);

  const oldItem = oldEntry && before && projectToIndex(table, index, before);
  const newItem = newEntry && after && projectToIndex(table, index, after);
  if (!moved && oldItem && newItem) {
    if (equalValues({ M: oldItem }, { M: newItem })) return 0;
    return writeUnits(Math.max(itemSize(oldItem), itemSize(newItem)));
  }
  return [oldItem, newItem].reduce((sum, item) => sum + (item ? writeUnits(itemSize(item)) : 0), 0);
}

const sameKey = (left: ItemKey, right: ItemKey): boolean =>
  Buffer.compare(left.hash, right.hash) === 0 && Buffer.compare(left.range, right.range) === 0;
