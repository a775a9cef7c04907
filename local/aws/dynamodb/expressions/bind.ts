import { AwsError } from '../../errors.ts';
import { structure, text, type Input } from '../parameters.ts';
import { validationError } from '../validation.ts';
import { parseValue, type AttributeValue } from '../values.ts';
import type { Assigned, BoundAssigned, BoundCondition, BoundOperand, BoundUpdate } from './ast.ts';
import type { Condition, Operand, Path, Update } from './ast.ts';

/** The placeholders of one request and which of them its expressions used. */
export type Placeholders = {
  readonly names: ReadonlyMap<string, string>;
  readonly values: ReadonlyMap<string, AttributeValue>;
  readonly used: Set<string>;
};

/**
 * Reads ExpressionAttributeNames and ExpressionAttributeValues.
 * @param expressions which expression parameters the operation has, for DynamoDB's wording
 */
export function readPlaceholders(input: Input, expressions: readonly string[]): Placeholders {
  const given = expressions.some((name) => text(input, name) !== undefined);
  const names = readEntries(input, 'ExpressionAttributeNames', '#', (entries, key) => {
    const name = text(entries, key);
    if (name === undefined) {
      throw validationError('ExpressionAttributeNames contains invalid value: null');
    }
    return name;
  });
  const values = readEntries(input, 'ExpressionAttributeValues', ':', (entries, key) =>
    readValue(entries[key], key),
  );
  if (!given && names !== undefined) {
    throw validationError('ExpressionAttributeNames can only be specified when using expressions');
  }
  if (!given && values !== undefined) {
    const verb = expressions.length > 1 ? 'are' : 'is';
    throw validationError(
      `ExpressionAttributeValues can only be specified when using expressions: ${expressions.join(' and ')} ${verb} null`,
    );
  }
  return { names: names ?? new Map(), values: values ?? new Map(), used: new Set() };
}

function readEntries<T>(
  input: Input,
  parameter: string,
  prefix: '#' | ':',
  read: (entries: Input, key: string) => T,
): Map<string, T> | undefined {
  const entries = structure(input, parameter);
  if (entries === undefined) return undefined;
  const keys = Object.keys(entries);
  if (keys.length === 0) throw validationError(`${parameter} must not be empty`);
  const invalid = keys.find((key) => !key.startsWith(prefix) || !/^[A-Za-z0-9_]+$/.test(key.slice(1)));
  if (invalid !== undefined) {
    throw validationError(`${parameter} contains invalid key: Syntax error; key: "${invalid}"`);
  }
  return new Map(keys.map((key) => [key, read(entries, key)]));
}

function readValue(value: unknown, key: string): AttributeValue {
  try {
    return parseValue(value);
  } catch (error) {
    if (!(error instanceof AwsError) || error.awsCode !== 'ValidationException') throw error;
    throw validationError(
      `ExpressionAttributeValues contains invalid value: ${error.message} for key ${key}`,
    );
  }
}

/** Throws ValidationException if a placeholder was given that no expression used. */
export function checkAllUsed({ names, values, used }: Placeholders): void {
  for (const [parameter, given] of [
    ['Names', names],
    ['Values', values],
  ] as const) {
    const unused = [...given.keys()].filter((key) => !used.has(key));
    if (unused.length > 0) {
      throw validationError(
        `Value provided in ExpressionAttribute${parameter} unused in expressions: keys: {${unused.join(', ')}}`,
      );
    }
  }
}

/** Replaces a path's `#` placeholders by the names they stand for. */
export function bindPath(path: Path, placeholders: Placeholders): Path {
  const [first, ...rest] = path;
  const name = (part: string): string => {
    if (!part.startsWith('#')) return part;
    const found = placeholders.names.get(part);
    if (found === undefined) {
      throw validationError(
        `An expression attribute name used in the document path is not defined; attribute name: ${part}`,
      );
    }
    placeholders.used.add(part);
    return found;
  };
  return [name(first), ...rest.map((part) => (typeof part === 'string' ? name(part) : part))];
}

/** The value a `:` placeholder stands for. */
function bindValue(placeholder: string, placeholders: Placeholders): AttributeValue {
  const found = placeholders.values.get(placeholder);
  if (found === undefined) {
    throw validationError(
      `An expression attribute value used in expression is not defined; attribute value: ${placeholder}`,
    );
  }
  placeholders.used.add(placeholder);
  return found;
}

function bindOperand(operand: Operand<string>, placeholders: Placeholders): BoundOperand {
  switch (operand.kind) {
    case 'path':
      return { kind: 'path', path: bindPath(operand.path, placeholders) };
    case 'value':
      return { kind: 'value', value: bindValue(operand.value, placeholders) };
    case 'size':
      return { kind: 'size', of: bindOperand(operand.of, placeholders) };
  }
}

/** Replaces every placeholder of a condition. */
export function bindCondition(condition: Condition<string>, placeholders: Placeholders): BoundCondition {
  const operand = (unbound: Operand<string>) => bindOperand(unbound, placeholders);
  switch (condition.kind) {
    case 'and':
    case 'or':
      return {
        kind: condition.kind,
        left: bindCondition(condition.left, placeholders),
        right: bindCondition(condition.right, placeholders),
      };
    case 'not':
      return { kind: 'not', condition: bindCondition(condition.condition, placeholders) };
    case 'compare':
      return { ...condition, left: operand(condition.left), right: operand(condition.right) };
    case 'between':
      return {
        kind: 'between',
        value: operand(condition.value),
        low: operand(condition.low),
        high: operand(condition.high),
      };
    case 'in':
      return { kind: 'in', value: operand(condition.value), candidates: condition.candidates.map(operand) };
    case 'function':
      return { ...condition, operands: condition.operands.map(operand) };
  }
}

function bindAssigned(assigned: Assigned<string>, placeholders: Placeholders): BoundAssigned {
  switch (assigned.kind) {
    case 'if_not_exists':
      return {
        kind: 'if_not_exists',
        path: bindPath(assigned.path, placeholders),
        otherwise: bindAssigned(assigned.otherwise, placeholders),
      };
    case 'list_append':
    case 'arithmetic':
      return {
        ...assigned,
        left: bindAssigned(assigned.left, placeholders),
        right: bindAssigned(assigned.right, placeholders),
      };
    default:
      return bindOperand(assigned, placeholders);
  }
}

/** Replaces every placeholder of an update. */
export function bindUpdate(update: Update<string>, placeholders: Placeholders): BoundUpdate {
  const target = ({ path, value }: { path: Path; value: string }) => ({
    path: bindPath(path, placeholders),
    value: bindValue(value, placeholders),
  });
  return {
    set: update.set.map(({ path, value }) => ({
      path: bindPath(path, placeholders),
      value: bindAssigned(value, placeholders),
    })),
    remove: update.remove.map((path) => bindPath(path, placeholders)),
    add: update.add.map(target),
    delete: update.delete.map(target),
  };
}
