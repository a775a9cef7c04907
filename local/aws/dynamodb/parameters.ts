import { constraintError, serializationError, validationError } from './validation.ts';

/** One operation's input, or one structure within it, as parsed from JSON. */
export type Input = Readonly<Record<string, unknown>>;

const wireName = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/**
 * Refuses every parameter that is not on the operation's list. AWS ignores unknown parameters and still
 * takes legacy ones; here a parameter either works or is a 400 that names it. Null counts as absent.
 */
export function allowOnly(where: string, input: Input, names: readonly string[]): void {
  for (const [name, value] of Object.entries(input)) {
    if (value !== undefined && value !== null && !names.includes(name)) {
      throw validationError(`Unsupported parameter in ${where}: ${name}`);
    }
  }
}

function member(input: Input, name: string): unknown {
  return Object.hasOwn(input, name) ? (input[name] ?? undefined) : undefined;
}

/** Whether the parameter is given. */
export const has = (input: Input, name: string): boolean => member(input, name) !== undefined;

/** A string parameter; throws SerializationException for any other JSON type. */
export function text(input: Input, name: string): string | undefined {
  const value = member(input, name);
  if (value === undefined || typeof value === 'string') return value;
  throw serializationError(`${jsonType(value)} can not be converted to a String`);
}

/** A boolean parameter; throws SerializationException for any other JSON type. */
export function flag(input: Input, name: string): boolean | undefined {
  const value = member(input, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw serializationError(`${jsonType(value)} can not be converted to a Boolean`);
}

/** A whole number within bounds; throws ValidationException outside of them. */
export function count(input: Input, name: string, min: number, max?: number): number | undefined {
  const value = member(input, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw serializationError(`${jsonType(value)} can not be converted to an Integer`);
  }
  if (value < min) {
    throw constraintError(
      `'${value}'`,
      wireName(name),
      `Member must have value greater than or equal to ${min}`,
    );
  }
  if (max !== undefined && value > max) {
    throw constraintError(
      `'${value}'`,
      wireName(name),
      `Member must have value less than or equal to ${max}`,
    );
  }
  return value;
}

/** A structure or map parameter; throws SerializationException for any other JSON type. */
export function structure(input: Input, name: string): Input | undefined {
  const value = member(input, name);
  return value === undefined ? undefined : asStructure(value);
}

/** A list parameter; throws SerializationException for any other JSON type. */
export function list(input: Input, name: string): readonly unknown[] | undefined {
  const value = member(input, name);
  if (value === undefined || Array.isArray(value)) return value;
  throw serializationError(`${jsonType(value)} can not be converted to a List`);
}

/** One of a closed set of strings; throws ValidationException for any other. */
export function choice<const T extends string>(
  input: Input,
  name: string,
  values: readonly T[],
): T | undefined {
  const value = text(input, name);
  if (value === undefined) return undefined;
  const found = values.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw constraintError(
    `'${value}'`,
    wireName(name),
    `Member must satisfy enum value set: [${values.join(', ')}]`,
  );
}

/** The value of a parameter that must be there. */
export function required<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw constraintError('null', wireName(name), 'Member must not be null');
}

/** A JSON object, or SerializationException. */
export function asStructure(value: unknown): Input {
  if (isStructure(value)) return value;
  throw serializationError(`${jsonType(value)} can not be converted to a structure`);
}

const isStructure = (value: unknown): value is Input =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TABLE_NAME = /^[A-Za-z0-9_.-]+$/;

/** The TableName parameter, or an index's name, by DynamoDB's naming rules. ARNs are not supported. */
export function resourceName(input: Input, name: 'TableName' | 'IndexName'): string {
  return checkName(required(text(input, name), name), wireName(name));
}

/** A table's or index's name by DynamoDB's naming rules: 3 to 255 of [A-Za-z0-9_.-]. */
export function checkName(value: string, where: string): string {
  if (value.length < 3) {
    throw constraintError(`'${value}'`, where, 'Member must have length greater than or equal to 3');
  }
  if (value.length > 255) {
    throw constraintError(`'${value}'`, where, 'Member must have length less than or equal to 255');
  }
  if (!TABLE_NAME.test(value)) {
    throw constraintError(
      `'${value}'`,
      where,
      'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+',
    );
  }
  return value;
}

function jsonType(value: unknown): string {
  if (typeof value === 'string') return 'STRING_VALUE';
  if (typeof value === 'number') return 'NUMBER_VALUE';
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  return Array.isArray(value) ? 'Start of list' : 'Start of structure or map';
}
