import type { Database } from 'bun:sqlite';
import type { Table, TableDefinition } from './schema.ts';
import type { Item } from './values.ts';

/** An item's primary key, encoded so that bytes order as DynamoDB does. `range` is empty without a sort key. */
export type ItemKey = { readonly hash: Uint8Array; readonly range: Uint8Array };

/** An item as it lies in the table, with its size in bytes. */
export type StoredItem = { readonly item: Item; readonly size: number };

export type Row = StoredItem & {
  readonly key: ItemKey;
  /** Where the row lies in the order of the range it was read from. */
  readonly position: Position;
};
export type Position = readonly Uint8Array[];

/** Rows of a table or an index in key order: of one partition when `hash` is given, else of all. */
export type Range = {
  readonly table: Table;
  readonly index?: string;
  readonly partition?: { readonly hash: Uint8Array; readonly low: Uint8Array; readonly high: Uint8Array };
  readonly descending: boolean;
  /** Only rows after this position. */
  readonly after?: Position;
};

type Columns = {
  hash: Uint8Array;
  range: Uint8Array;
  index_hash: Uint8Array;
  index_range: Uint8Array;
  item: string;
  size: number;
};

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS dynamodb_tables (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS dynamodb_items (
    table_id INTEGER NOT NULL, hash BLOB NOT NULL, range BLOB NOT NULL, item TEXT NOT NULL,
    size INTEGER NOT NULL, expires_at INTEGER, PRIMARY KEY (table_id, hash, range)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS dynamodb_expiry ON dynamodb_items (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS dynamodb_index_entries (
    table_id INTEGER NOT NULL, name TEXT NOT NULL, index_hash BLOB NOT NULL, index_range BLOB NOT NULL,
    hash BLOB NOT NULL, range BLOB NOT NULL,
    PRIMARY KEY (table_id, name, index_hash, index_range, hash, range)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dynamodb_client_tokens (
    token TEXT PRIMARY KEY, request TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS dynamodb_client_tokens_by_age ON dynamodb_client_tokens (created_at);
`;

/** How many rows one statement reads: a range is read in slices, so no statement stays open between them. */
const SLICE = 64;

export type Store = ReturnType<typeof openStore>;

/** DynamoDB's rows in SQLite: tables, items, index entries and client tokens. Knows nothing of expressions. */
export function openStore(database: Database) {
  database.run(SCHEMA);
  const getItem = database.query<{ item: string; size: number }, [number, Uint8Array, Uint8Array]>(
    'SELECT item, size FROM dynamodb_items WHERE table_id = ? AND hash = ? AND range = ?',
  );
  const putItem = database.query<null, [number, Uint8Array, Uint8Array, string, number, number | null]>(
    'INSERT OR REPLACE INTO dynamodb_items VALUES (?, ?, ?, ?, ?, ?)',
  );
  const deleteItem = database.query<null, [number, Uint8Array, Uint8Array]>(
    'DELETE FROM dynamodb_items WHERE table_id = ? AND hash = ? AND range = ?',
  );
  type Entry = [number, string, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const putEntry = database.query<null, Entry>(
    'INSERT OR REPLACE INTO dynamodb_index_entries VALUES (?, ?, ?, ?, ?, ?)',
  );
  const deleteEntry = database.query<null, Entry>(
    'DELETE FROM dynamodb_index_entries WHERE table_id = ? AND name = ? AND index_hash = ? AND index_range = ? AND hash = ? AND range = ?',
  );
  const getToken = database.query<{ request: string }, [string, number]>(
    'SELECT request FROM dynamodb_client_tokens WHERE token = ? AND created_at > ?',
  );

  return {
    /** Runs the work in one SQLite transaction, durable when this returns; an error undoes all of it. */
    transaction: <T>(work: () => T): T => database.transaction(work).immediate(),

    loadTables(): Table[] {
      return database
        .query<{ id: number; definition: string }, []>('SELECT id, definition FROM dynamodb_tables')
        .all()
        .map(({ id, definition }) => ({ ...readDefinition(definition), id }));
    },
    addTable(definition: TableDefinition): Table {
      const { lastInsertRowid } = database
        .query('INSERT INTO dynamodb_tables (name, definition) VALUES (?, ?)')
        .run(definition.name, JSON.stringify(definition));
      return { ...definition, id: Number(lastInsertRowid) };
    },
    saveTable({ id, ...definition }: Table): void {
      database
        .query('UPDATE dynamodb_tables SET definition = ? WHERE id = ?')
        .run(JSON.stringify(definition), id);
    },
    dropTable({ id }: Table): void {
      database.query('DELETE FROM dynamodb_tables WHERE id = ?').run(id);
      database.query('DELETE FROM dynamodb_items WHERE table_id = ?').run(id);
      database.query('DELETE FROM dynamodb_index_entries WHERE table_id = ?').run(id);
    },
    dropIndex({ id }: Table, name: string): void {
      database.query('DELETE FROM dynamodb_index_entries WHERE table_id = ? AND name = ?').run(id, name);
    },
    countTable({ id }: Table): { items: number; bytes: number } {
      const row = database
        .query<{ items: number; bytes: number }, [number]>(
          'SELECT count(*) AS items, coalesce(sum(size), 0) AS bytes FROM dynamodb_items WHERE table_id = ?',
        )
        .get(id);
      return row ?? { items: 0, bytes: 0 };
    },

    getItem(table: Table, key: ItemKey): StoredItem | undefined {
      const row = getItem.get(table.id, key.hash, key.range);
      return row === null ? undefined : { item: readItem(row.item), size: row.size };
    },
    putItem(table: Table, key: ItemKey, { item, size }: StoredItem, expiresAt: number | undefined): void {
      putItem.run(table.id, key.hash, key.range, JSON.stringify(item), size, expiresAt ?? null);
    },
    deleteItem(table: Table, key: ItemKey): void {
      deleteItem.run(table.id, key.hash, key.range);
    },
    putEntry(table: Table, index: string, entry: ItemKey, key: ItemKey): void {
      putEntry.run(table.id, index, entry.hash, entry.range, key.hash, key.range);
    },
    deleteEntry(table: Table, index: string, entry: ItemKey, key: ItemKey): void {
      deleteEntry.run(table.id, index, entry.hash, entry.range, key.hash, key.range);
    },

    /** The rows of a range in order. The caller may write between rows; they are read in slices. */
    *readRange(range: Range): Generator<Row> {
      let after = range.after;
      for (;;) {
        const rows = readSlice(database, { ...range, ...(after && { after }) });
        yield* rows;
        after = rows.at(-1)?.position;
        if (rows.length < SLICE) return;
      }
    },

    /** Keys of items that expired in [from, to], seconds since the epoch. */
    expiredKeys(from: number, to: number): { tableId: number; key: ItemKey }[] {
      return database
        .query<{ table_id: number; hash: Uint8Array; range: Uint8Array }, [number, number]>(
          'SELECT table_id, hash, range FROM dynamodb_items WHERE expires_at BETWEEN ? AND ?',
        )
        .all(from, to)
        .map(({ table_id, hash, range }) => ({ tableId: table_id, key: { hash, range } }));
    },

    /** The request a client token was used for after the given time, in milliseconds. */
    findToken: (token: string, after: number): string | undefined => getToken.get(token, after)?.request,
    saveToken(token: string, request: string, now: number, forgetBefore: number): void {
      database.query('DELETE FROM dynamodb_client_tokens WHERE created_at <= ?').run(forgetBefore);
      database
        .query('INSERT OR REPLACE INTO dynamodb_client_tokens VALUES (?, ?, ?)')
        .run(token, request, now);
    },
  };
}

/**
 * The ends of the partition's range. The one that reading begins at is hidden from the planner (by the plus) when
 * there is a position to go on from: SQLite seeks to one bound only, and would read all that was read before.
 */
function bounds({ after, descending }: Range, column: string): string[] {
  const seek = (begins: boolean): string => (after !== undefined && begins ? '+' : '');
  return [`${seek(!descending)}${column} >= ?`, `${seek(descending)}${column} < ?`];
}

function readSlice(database: Database, range: Range): Row[] {
  const indexed = range.index !== undefined;
  const inIndex = indexed ? ['index_hash', 'index_range'] : [];
  const order = [...inIndex, 'hash', 'range'].slice(range.partition ? 1 : 0);
  const sort = range.partition && (indexed ? 'index_range' : 'range');
  const source = indexed ? 'e' : 'i';
  const columns = order.map((name) => `${source}.${name}`);
  const where = [
    `${source}.table_id = ?`,
    ...(indexed ? ['e.name = ?'] : []),
    ...(sort ? [`${source}.${inIndex[0] ?? 'hash'} = ?`, ...bounds(range, `${source}.${sort}`)] : []),
    ...(range.after
      ? [`(${columns.join(', ')}) ${range.descending ? '<' : '>'} (${columns.map(() => '?').join(', ')})`]
      : []),
  ];
  const from = indexed
    ? 'dynamodb_index_entries e CROSS JOIN dynamodb_items i ON i.table_id = e.table_id AND i.hash = e.hash AND i.range = e.range'
    : 'dynamodb_items i';
  const direction = range.descending ? 'DESC' : 'ASC';
  const sql = `SELECT i.hash, i.range, i.item, i.size ${indexed ? ', e.index_hash, e.index_range' : ''}
    FROM ${from} WHERE ${where.join(' AND ')}
    ORDER BY ${columns.map((column) => `${column} ${direction}`).join(', ')} LIMIT ${SLICE}`;
  const { hash, low, high } = range.partition ?? {};
  const bindings = [range.table.id, range.index, hash, low, high, ...(range.after ?? [])];
  return database
    .query<Columns, (number | string | Uint8Array)[]>(sql)
    .all(...bindings.filter((binding) => binding !== undefined))
    .map((row) => ({
      item: readItem(row.item),
      size: row.size,
      key: { hash: row.hash, range: row.range },
      position: (indexed
        ? [row.index_hash, row.index_range, row.hash, row.range]
        : [row.hash, row.range]
      ).slice(range.partition ? 1 : 0),
    }));
}

// Both texts were written by this file from typed values; the database folder is ours alone.
const readItem = (json: string): Item => JSON.parse(json) as Item;
const readDefinition = (json: string): TableDefinition => JSON.parse(json) as TableDefinition;
