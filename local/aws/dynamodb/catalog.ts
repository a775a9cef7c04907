import { AwsError } from '../errors.ts';
import type { Table, TableDefinition } from './schema.ts';
import type { Store } from './store.ts';

export type Catalog = ReturnType<typeof openCatalog>;

/** The tables by name, in memory and in the store. Changes belong inside a store transaction. */
export function openCatalog(store: Store) {
  const tables = new Map(store.loadTables().map((table) => [table.name, table]));
  return {
    names: (): string[] => [...tables.keys()].toSorted(),
    get: (name: string): Table | undefined => tables.get(name),
    byId: (id: number): Table | undefined => tables.values().find((table) => table.id === id),
    /** The table, or the ResourceNotFoundException of the item operations. */
    require(name: string): Table {
      const table = tables.get(name);
      if (table === undefined) {
        throw new AwsError('ResourceNotFoundException', 'Requested resource not found');
      }
      return table;
    },
    /** The table, or the ResourceNotFoundException of the table operations, which names it. */
    describe(name: string): Table {
      const table = tables.get(name);
      if (table === undefined) {
        throw new AwsError(
          'ResourceNotFoundException',
          `Requested resource not found: Table: ${name} not found`,
        );
      }
      return table;
    },
    add(definition: TableDefinition): Table {
      const table = store.addTable(definition);
      tables.set(table.name, table);
      return table;
    },
    save(table: Table): void {
      store.saveTable(table);
      tables.set(table.name, table);
    },
    drop(table: Table): void {
      store.dropTable(table);
      tables.delete(table.name);
    },
  };
}
