import type { Item } from './values.ts';

export type KeyType = 'S' | 'N' | 'B';
export type KeyAttribute = { readonly name: string; readonly type: KeyType };
export type KeySchema = { readonly hash: KeyAttribute; readonly range?: KeyAttribute };

export type Projection =
  | { readonly type: 'ALL' | 'KEYS_ONLY' }
  | { readonly type: 'INCLUDE'; readonly attributes: readonly string[] };

export type Index = {
  readonly name: string;
  readonly keys: KeySchema;
  readonly projection: Projection;
};

export type Throughput = { readonly read: number; readonly write: number };

/** A table as it is stored. Times are milliseconds since the epoch. */
export type TableDefinition = {
  readonly name: string;
  readonly uuid: string;
  readonly createdAt: number;
  readonly keys: KeySchema;
  readonly indexes: readonly Index[];
  readonly billingMode: 'PAY_PER_REQUEST' | 'PROVISIONED';
  readonly throughput: Throughput;
  readonly deletionProtection: boolean;
  readonly encrypted: boolean;
  readonly ttlAttribute?: string;
  /** Set while point-in-time recovery is on. */
  readonly recovery?: { readonly since: number; readonly days: number };
};

/** A table and the number that its rows carry. */
export type Table = TableDefinition & { readonly id: number };

/** The attributes of a key schema: hash first, then range. */
export const keyAttributes = ({ hash, range }: KeySchema): readonly KeyAttribute[] =>
  range === undefined ? [hash] : [hash, range];

/** Names of the table's and the index's key attributes, each once. */
export const keyNames = (table: TableDefinition, index?: Index): readonly string[] => [
  ...new Set(
    [...(index === undefined ? [] : keyAttributes(index.keys)), ...keyAttributes(table.keys)].map(
      ({ name }) => name,
    ),
  ),
];

/** What an index holds of an item. */
export function projectToIndex(table: TableDefinition, index: Index, item: Item): Item {
  if (index.projection.type === 'ALL') return item;
  const included = index.projection.type === 'INCLUDE' ? index.projection.attributes : [];
  const names = new Set([...keyNames(table, index), ...included]);
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name)));
}
