import type { AwsError } from '../errors.ts';
import { EMPTY_KEY, encodeKey } from './keys.ts';
import { keyAttributes, type Index, type KeyAttribute, type KeySchema, type Table } from './schema.ts';
import type { ItemKey } from './store.ts';
import { invalidParameter, validationError } from './validation.ts';
import { attribute, typeOf, type AttributeValue, type Item } from './values.ts';

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (partition and sort keys)
const MAX_HASH_BYTES = 2048;
const MAX_RANGE_BYTES = 1024;

/** The encoded key of a whole item; throws ValidationException for a missing or mistyped key attribute. */
export function keyOfItem(table: Table, item: Item): ItemKey {
  for (const key of keyAttributes(table.keys)) {
    const value = attribute(item, key.name);
    if (value === undefined) throw invalidParameter(`Missing the key ${key.name} in the item`);
    if (typeOf(value) !== key.type) {
      throw invalidParameter(
        `Type mismatch for key ${key.name} expected: ${key.type} actual: ${typeOf(value)}`,
      );
    }
  }
  return encode(table.keys, item);
}

/** The encoded key of a Key parameter, which must hold exactly the key attributes. */
export function keyOfKey(table: Table, key: Item): ItemKey {
  const schema = keyAttributes(table.keys);
  const fits = schema.every(({ name, type }) => {
    const value = attribute(key, name);
    return value !== undefined && typeOf(value) === type;
  });
  if (!fits || Object.keys(key).length !== schema.length) throw schemaMismatch();
  return encode(table.keys, key);
}

/** The error for a key that does not have the table's key attributes. */
const schemaMismatch = (): AwsError => validationError('The provided key element does not match the schema');

function encode({ hash, range }: KeySchema, item: Item): ItemKey {
  const hashKey = encodeAttribute(hash, item);
  const rangeKey = range === undefined ? EMPTY_KEY : encodeAttribute(range, item);
  if (hashKey.length > MAX_HASH_BYTES) {
    throw invalidParameter('Size of hashkey has exceeded the maximum size limit of2048 bytes');
  }
  if (rangeKey.length > MAX_RANGE_BYTES) {
    throw invalidParameter('Aggregated size of all range keys has exceeded the size limit of 1024 bytes');
  }
  return { hash: hashKey, range: rangeKey };
}

function encodeAttribute({ name }: KeyAttribute, item: Item): Uint8Array {
  const value = attribute(item, name);
  if (value === undefined) throw schemaMismatch();
  return encodeKey(value);
}

/** How every error about an empty key value begins. */
const EMPTY_VALUE = 'One or more parameter values are not valid.';

/** Whether the error is about an empty key value: even inside a transaction it is the request's own. */
export const isEmptyKeyError = (error: AwsError): boolean => error.message.startsWith(EMPTY_VALUE);

/** Throws ValidationException if a primary key attribute holds an empty string or binary. */
export function checkKeysNotEmpty(table: Table, item: Item): void {
  for (const { name, type } of keyAttributes(table.keys)) {
    const value = attribute(item, name);
    const kind = emptyKind(value);
    if (value !== undefined && kind !== undefined && typeOf(value) === type) {
      throw validationError(
        `${EMPTY_VALUE} The AttributeValue for a key attribute cannot contain an empty ${kind} value. Key: ${name}`,
      );
    }
  }
}

function emptyKind(value: AttributeValue | undefined): 'string' | 'binary' | undefined {
  if (value === undefined) return undefined;
  if ('S' in value && value.S === '') return 'string';
  return 'B' in value && value.B === '' ? 'binary' : undefined;
}

/**
 * Throws ValidationException if an index key attribute of the item has the wrong type or is empty.
 * @param updated whether an update expression made the item: DynamoDB words that differently
 */
export function checkIndexKeys(table: Table, item: Item, updated: boolean): void {
  for (const index of table.indexes) {
    for (const key of keyAttributes(index.keys)) {
      checkIndexKey(index, key, attribute(item, key.name), updated);
    }
  }
}

function checkIndexKey(
  index: Index,
  key: KeyAttribute,
  value: AttributeValue | undefined,
  updated: boolean,
): void {
  if (value === undefined) return;
  if (typeOf(value) !== key.type) {
    throw updated
      ? validationError(
          'The update expression attempted to update the secondary index key to unsupported type',
        )
      : invalidParameter(
          `Type mismatch for Index Key ${key.name} Expected: ${key.type} Actual: ${typeOf(value)} IndexName: ${index.name}`,
        );
  }
  const kind = emptyKind(value);
  if (kind === undefined) return;
  const rule = `The AttributeValue for a key attribute cannot contain an empty ${kind} value.`;
  throw validationError(
    updated
      ? `${EMPTY_VALUE} The update expression attempted to update a secondary index key to a value that is not supported. ${rule}`
      : `${EMPTY_VALUE} A value specified for a secondary index key is not supported. ${rule} IndexName: ${index.name}, IndexKey: ${key.name}`,
  );
}

/** The item's place in an index, or undefined if it lacks one of the index's keys (a sparse index). */
export function indexEntry(index: Index, item: Item | undefined): ItemKey | undefined {
  if (item === undefined) return undefined;
  const complete = keyAttributes(index.keys).every(({ name, type }) => {
    const value = attribute(item, name);
    return value !== undefined && typeOf(value) === type && emptyKind(value) === undefined;
  });
  return complete ? encode(index.keys, item) : undefined;
}

/** The key attributes of an item: what a LastEvaluatedKey holds. */
export const pickAttributes = (item: Item, names: readonly string[]): Item =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = attribute(item, name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
