import type { AwsError } from '../errors.ts';
import { EMPTY_KEY, encodeKey } from './keys.ts';
import type { KeyRange } from './key-condition.ts';
import { keyAttributes, keyNames, type Index, type KeySchema, type Table } from './schema.ts';
import type { Position } from './store.ts';
import { validationError } from './validation.ts';
import { attribute, typeOf, type Item } from './values.ts';

/**
 * Where a page starts: the position in the order of Store.readRange of the item that ExclusiveStartKey names.
 * Throws ValidationException for a key that is not one of the table (and index) or lies outside the query.
 */
export function startPosition(
  start: Item,
  table: Table,
  index: Index | undefined,
  range: KeyRange | undefined,
): Position {
  const schemas = index === undefined ? [table.keys] : [index.keys, table.keys];
  checkShape(start, table, index, schemas);
  const position = schemas.flatMap((schema) => encodeSchema(start, schema));
  if (range === undefined) return position;
  const [hash, sort] = position;
  if (hash === undefined || sort === undefined) throw invalidStart();
  const outside =
    Buffer.compare(hash, range.hash) !== 0 ||
    Buffer.compare(sort, range.low) < 0 ||
    Buffer.compare(sort, range.high) >= 0;
  if (outside) {
    throw validationError(
      'The provided starting key is outside query boundaries based on provided conditions',
    );
  }
  return position.slice(1);
}

function checkShape(
  start: Item,
  table: Table,
  index: Index | undefined,
  schemas: readonly KeySchema[],
): void {
  const complete = schemas.flatMap(keyAttributes).every(({ name, type }) => {
    const value = attribute(start, name);
    return value !== undefined && typeOf(value) === type;
  });
  if (!complete || Object.keys(start).length !== keyNames(table, index).length) throw invalidStart();
}

const invalidStart = (): AwsError => validationError('The provided starting key is invalid');

function encodeSchema(start: Item, { hash, range }: KeySchema): [Uint8Array, Uint8Array] {
  const encode = (name: string | undefined): Uint8Array => {
    const value = name === undefined ? undefined : attribute(start, name);
    return value === undefined ? EMPTY_KEY : encodeKey(value);
  };
  return [encode(hash.name), encode(range?.name)];
}
