import { choice, type Input } from './parameters.ts';

/** Capacity units one request used, of the table itself and of each index it touched. */
export type Consumption = { readonly table: number; readonly indexes: ReadonlyMap<string, number> };

type CapacityKind = 'read' | 'write';

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const READ_UNIT_BYTES = 4096;
const WRITE_UNIT_BYTES = 1024;
/** Reads and writes in a transaction cost twice as much. */
export const TRANSACTION_FACTOR = 2;

/** Units to read so many bytes: half as many for an eventually consistent read. */
export const readUnits = (bytes: number, consistent: boolean): number =>
  Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (consistent ? 1 : 0.5);

/** Units to write an item of so many bytes. */
export const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));

/** Units of the table alone. */
export const tableUnits = (units: number): Consumption => ({ table: units, indexes: new Map() });

/** The sum of several requests' units. */
export function sumUnits(parts: readonly Consumption[]): Consumption {
  const indexes = new Map<string, number>();
  for (const part of parts) {
    for (const [name, units] of part.indexes) indexes.set(name, (indexes.get(name) ?? 0) + units);
  }
  return { table: parts.reduce((total, part) => total + part.table, 0), indexes };
}

/** The units times a factor. */
export const scaleUnits = ({ table, indexes }: Consumption, factor: number): Consumption => ({
  table: table * factor,
  indexes: new Map([...indexes].map(([name, units]) => [name, units * factor])),
});

export type CapacityMode = 'NONE' | 'TOTAL' | 'INDEXES';

/** The ReturnConsumedCapacity parameter. */
export const capacityMode = (input: Input): CapacityMode =>
  choice(input, 'ReturnConsumedCapacity', ['INDEXES', 'TOTAL', 'NONE']) ?? 'NONE';

/**
 * One table's ConsumedCapacity, or undefined if it was not asked for.
 * Transactions also say whether the units are of reading or writing.
 */
export function consumedCapacity(
  mode: CapacityMode,
  tableName: string,
  { table, indexes }: Consumption,
  transaction?: CapacityKind,
): Record<string, unknown> | undefined {
  if (mode === 'NONE') return undefined;
  const units = (amount: number) => ({
    CapacityUnits: amount,
    ...(transaction === 'read' && { ReadCapacityUnits: amount }),
    ...(transaction === 'write' && { WriteCapacityUnits: amount }),
  });
  const total = [...indexes.values()].reduce((sum, amount) => sum + amount, table);
  if (mode === 'TOTAL') return { TableName: tableName, ...units(total) };
  return {
    TableName: tableName,
    ...units(total),
    Table: units(table),
    ...(indexes.size > 0 && {
      GlobalSecondaryIndexes: Object.fromEntries([...indexes].map(([name, amount]) => [name, units(amount)])),
    }),
  };
}

/** ConsumedCapacity of several tables, or undefined if it was not asked for. */
export function consumedCapacities(
  mode: CapacityMode,
  parts: readonly { readonly tableName: string; readonly consumption: Consumption }[],
  transaction?: CapacityKind,
): Record<string, unknown>[] | undefined {
  if (mode === 'NONE') return undefined;
  const byTable = Map.groupBy(parts, ({ tableName }) => tableName);
  return [...byTable].flatMap(([tableName, group]) => {
    const sum = sumUnits(group.map(({ consumption }) => consumption));
    const capacity = consumedCapacity(mode, tableName, sum, transaction);
    return capacity === undefined ? [] : [capacity];
  });
}
