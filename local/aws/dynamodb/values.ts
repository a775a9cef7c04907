import { compareNumbers, normalizeNumber } from './numbers.ts';
import { asStructure } from './parameters.ts';
import { invalidParameter, serializationError, validationError } from './validation.ts';

/** A value in DynamoDB JSON. Numbers are in canonical text, binary in canonical base64. */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly AttributeValue[] }
  | { readonly M: Item };
export type Item = Readonly<Record<string, AttributeValue>>;

export const TYPE_NAMES = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'] as const;
export type TypeName = (typeof TYPE_NAMES)[number];

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (nested attribute depth)
const MAX_DEPTH = 32;

/** The value's type. */
export function typeOf(value: AttributeValue): TypeName {
  for (const name in value) {
    const type = TYPE_NAMES.find((candidate) => candidate === name);
    if (type !== undefined) return type;
  }
  throw new Error('An attribute value without a type reached the store');
}

/** An attribute by name; an item may hold names that JavaScript's Object also has. */
export const attribute = (item: Item, name: string): AttributeValue | undefined =>
  Object.hasOwn(item, name) ? item[name] : undefined;

/** The item with one attribute replaced or added, whatever its name. */
export const withAttribute = (item: Item, name: string, value: AttributeValue): Item =>
  Object.fromEntries([...Object.entries(item), [name, value]]);

/** The elements of a set, or undefined if the value is no set. */
export function setElements(value: AttributeValue): readonly string[] | undefined {
  if ('SS' in value) return value.SS;
  if ('NS' in value) return value.NS;
  return 'BS' in value ? value.BS : undefined;
}

/** A set value of the given type. */
export function makeSet(type: 'SS' | 'NS' | 'BS', elements: readonly string[]): AttributeValue {
  if (type === 'SS') return { SS: elements };
  return type === 'NS' ? { NS: elements } : { BS: elements };
}

/** Parses and normalises an item from a request; throws ValidationException or SerializationException. */
export const parseItem = (input: unknown): Item => parseMap(input, 0);

/** Parses and normalises one value from a request. */
export const parseValue = (input: unknown): AttributeValue => parseAt(input, 0);

function parseMap(input: unknown, depth: number): Item {
  return Object.fromEntries(
    Object.entries(asStructure(input)).map(([name, value]) => [name, parseAt(value, depth)]),
  );
}

function parseAt(input: unknown, depth: number): AttributeValue {
  const members = Object.entries(asStructure(input)).filter(([, value]) => value !== null);
  const [first, second] = members;
  if (first === undefined) {
    throw validationError(
      'Supplied AttributeValue is empty, must contain exactly one of the supported datatypes',
    );
  }
  if (second !== undefined) {
    throw validationError(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  if (depth >= MAX_DEPTH) throw validationError('Nesting Levels have exceeded supported limits');
  return parseTyped(first[0], first[1], depth);
}

function parseTyped(type: string, value: unknown, depth: number): AttributeValue {
  switch (type) {
    case 'S':
      return { S: parseText(value) };
    case 'N':
      return { N: normalizeNumber(parseText(value)) };
    case 'B':
      return { B: parseBinary(value) };
    case 'BOOL':
      if (typeof value !== 'boolean') throw serializationError('Unexpected value type for BOOL');
      return { BOOL: value };
    case 'NULL':
      if (typeof value !== 'boolean') throw serializationError('Unexpected value type for NULL');
      if (!value) throw invalidParameter('Null attribute value types must have the value of true');
      return { NULL: true };
    case 'SS':
      return { SS: parseSet(value, 'string', parseText) };
    case 'NS':
      return { NS: parseSet(value, 'number', (element) => normalizeNumber(parseText(element))) };
    case 'BS':
      return { BS: parseSet(value, 'binary', parseBinary) };
    case 'L':
      return { L: parseList(value).map((element) => parseAt(element, depth + 1)) };
    case 'M':
      return { M: parseMap(value, depth + 1) };
    default:
      throw validationError(
        'Supplied AttributeValue is empty, must contain exactly one of the supported datatypes',
      );
  }
}

function parseText(value: unknown): string {
  if (typeof value !== 'string') throw serializationError('Unexpected value type in payload');
  return value.toWellFormed();
}

function parseBinary(value: unknown): string {
  const encoded = parseText(value);
  if (Buffer.from(encoded, 'base64').toString('base64') !== encoded) {
    throw serializationError('Invalid Base64 in a binary value');
  }
  return encoded;
}

function parseList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw serializationError('Unexpected value type in payload');
  return value;
}

function parseSet(value: unknown, kind: string, parse: (element: unknown) => string): string[] {
  const elements = parseList(value).map(parse);
  if (elements.length === 0) throw invalidParameter(`An ${kind} set  may not be empty`);
  if (new Set(elements).size !== elements.length) {
    throw invalidParameter(`Input collection [${elements.join(', ')}] contains duplicates.`);
  }
  return elements;
}

/** Equality as DynamoDB's `=` sees it: same type, sets without order. */
export function equalValues(left: AttributeValue, right: AttributeValue): boolean {
  const type = typeOf(left);
  if (type !== typeOf(right)) return false;
  const leftSet = setElements(left);
  const rightSet = setElements(right);
  if (leftSet !== undefined && rightSet !== undefined) {
    return leftSet.length === rightSet.length && leftSet.every((element) => rightSet.includes(element));
  }
  if ('L' in left && 'L' in right) {
    const others = right.L;
    return left.L.length === others.length && left.L.every((element, i) => isEqual(element, others[i]));
  }
  if ('M' in left && 'M' in right) {
    const other = right.M;
    const names = Object.keys(left.M);
    return (
      names.length === Object.keys(other).length &&
      names.every((name) => isEqual(attribute(left.M, name), attribute(other, name)))
    );
  }
  return scalar(left) === scalar(right);
}

const isEqual = (left: AttributeValue | undefined, right: AttributeValue | undefined): boolean =>
  left !== undefined && right !== undefined && equalValues(left, right);

function scalar(value: AttributeValue): string | boolean | undefined {
  if ('S' in value) return value.S;
  if ('N' in value) return value.N;
  if ('B' in value) return value.B;
  if ('BOOL' in value) return value.BOOL;
  return 'NULL' in value ? value.NULL : undefined;
}

/** The order of two strings, numbers or binaries; undefined where DynamoDB defines none. */
export function compareValues(left: AttributeValue, right: AttributeValue): number | undefined {
  if ('N' in left && 'N' in right) return compareNumbers(left.N, right.N);
  if ('S' in left && 'S' in right) return Buffer.compare(Buffer.from(left.S), Buffer.from(right.S));
  if ('B' in left && 'B' in right) {
    return Buffer.compare(Buffer.from(left.B, 'base64'), Buffer.from(right.B, 'base64'));
  }
  return undefined;
}

/** A value in the notation of DynamoDB's error messages, for example `{S:abc}`. */
export function describeValue(value: AttributeValue): string {
  const plain = scalar(value);
  return `{${typeOf(value)}:${plain === undefined ? JSON.stringify(Object.values(value)[0]) : plain}}`;
}
