import type { TableDefinition } from './schema.ts';
import { attribute, type Item } from './values.ts';

/** When an item expires, in seconds since the epoch; undefined if it never does. */
export function expiryOf(table: TableDefinition, item: Item): number | undefined {
  if (table.ttlAttribute === undefined) return undefined;
  const value = attribute(item, table.ttlAttribute);
  if (value === undefined || !('N' in value)) return undefined;
  const seconds = Math.floor(Number(value.N));
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}
