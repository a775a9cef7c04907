import type { AwsError } from '../../errors.ts';
import { addNumbers, subtractNumbers } from '../numbers.ts';
import { validationError } from '../validation.ts';
import { makeSet, setElements, typeOf, type AttributeValue, type Item } from '../values.ts';
import type { BoundAssigned, BoundUpdate, Path } from './ast.ts';
import { describePath, pathClash, putAt, removeAt, valueAt } from './paths.ts';

/** Every path an update changes. */
export const updatedPaths = (update: BoundUpdate): Path[] => [
  ...update.set.map(({ path }) => path),
  ...update.remove,
  ...update.add.map(({ path }) => path),
  ...update.delete.map(({ path }) => path),
];

const OPERAND_NAMES = {
  S: 'STRING',
  N: 'NUMBER',
  B: 'BINARY',
  BOOL: 'BOOLEAN',
  NULL: 'NULL',
  SS: 'STRING_SET',
  NS: 'NUMBER_SET',
  BS: 'BINARY_SET',
  L: 'LIST',
  M: 'MAP',
} as const;

/** The checks DynamoDB makes on an update before it looks at the item; throws ValidationException. */
export function checkUpdate(update: BoundUpdate): void {
  for (const { value } of update.add) {
    if (!('N' in value) && setElements(value) === undefined) throw operandError('ADD', value);
  }
  for (const { value } of update.delete) {
    if (setElements(value) === undefined) throw operandError('DELETE', value);
  }
  for (const { value } of update.set) checkAssigned(value);
  const paths = updatedPaths(update);
  paths.forEach((right, index) => {
    for (const left of paths.slice(0, index)) {
      const clash = pathClash(left, right);
      if (clash !== undefined) {
        throw validationError(
          `Two document paths ${clash} with each other; must remove or rewrite one of these paths; path one: ${describePath(left)}, path two: ${describePath(right)}`,
        );
      }
    }
  });
}

const operandError = (section: 'ADD' | 'DELETE', value: AttributeValue): AwsError =>
  validationError(
    `Incorrect operand type for operator or function; operator: ${section}, operand type: ${OPERAND_NAMES[typeOf(value)]}, typeSet: ALLOWED_FOR_${section}_OPERAND`,
  );

function checkAssigned(assigned: BoundAssigned): void {
  if (assigned.kind === 'if_not_exists') return checkAssigned(assigned.otherwise);
  if (assigned.kind !== 'list_append' && assigned.kind !== 'arithmetic') return;
  const operator = assigned.kind === 'list_append' ? 'list_append' : assigned.operator;
  for (const operand of [assigned.left, assigned.right]) {
    checkAssigned(operand);
    if (operand.kind !== 'value') continue;
    const fits = assigned.kind === 'list_append' ? 'L' in operand.value : 'N' in operand.value;
    if (!fits) {
      throw validationError(
        `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${typeOf(operand.value)}`,
      );
    }
  }
}

/**
 * The item after an update. Every operand is read from the item as it was; list indexes of every clause
 * mean positions before the update, so elements are removed last and from the end.
 * Throws ValidationException where an operand is missing, has a wrong type, or a path leads nowhere.
 */
export function applyUpdate(update: BoundUpdate, before: Item): Item {
  let item = before;
  const assignments = update.set.map(({ path, value }) => ({ path, value: assign(value, before) }));
  for (const { path, value } of assignments.toSorted((a, b) => comparePaths(a.path, b.path))) {
    item = reached(putAt(item, path, value));
  }
  for (const { path, value } of update.add)
    item = reached(putAt(item, path, add(valueAt(before, path), value)));
  for (const { path, value } of update.delete) item = deleteElements(item, path, value);
  for (const path of update.remove.toSorted((a, b) => comparePaths(b, a)))
    item = reached(removeAt(item, path));
  return item;
}

function reached(item: Item | undefined): Item {
  if (item !== undefined) return item;
  throw validationError('The document path provided in the update expression is invalid for update');
}

function comparePaths(left: Path, right: Path): number {
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const [a, b] = [left[index], right[index]];
    if (a === b || a === undefined || b === undefined) continue;
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    return String(a) < String(b) ? -1 : 1;
  }
  return left.length - right.length;
}

const wrongType = (): AwsError =>
  validationError('An operand in the update expression has an incorrect data type');

function assign(assigned: BoundAssigned, item: Item): AttributeValue {
  const value = lookUp(assigned, item);
  if (value !== undefined) return value;
  throw validationError('The provided expression refers to an attribute that does not exist in the item');
}

function lookUp(assigned: BoundAssigned, item: Item): AttributeValue | undefined {
  switch (assigned.kind) {
    case 'value':
      return assigned.value;
    case 'path':
      return valueAt(item, assigned.path);
    case 'if_not_exists':
      return valueAt(item, assigned.path) ?? lookUp(assigned.otherwise, item);
    case 'list_append': {
      const [left, right] = [assign(assigned.left, item), assign(assigned.right, item)];
      if (!('L' in left) || !('L' in right)) throw wrongType();
      return { L: [...left.L, ...right.L] };
    }
    case 'arithmetic': {
      const [left, right] = [assign(assigned.left, item), assign(assigned.right, item)];
      if (!('N' in left) || !('N' in right)) throw wrongType();
      const calculate = assigned.operator === '+' ? addNumbers : subtractNumbers;
      return { N: calculate(left.N, right.N) };
    }
    case 'size':
      throw wrongType();
  }
}

function add(current: AttributeValue | undefined, value: AttributeValue): AttributeValue {
  if (current === undefined) return value;
  if ('N' in value && 'N' in current) return { N: addNumbers(current.N, value.N) };
  return combineSets(current, value, (old, given) => [...new Set([...old, ...given])]);
}

function deleteElements(item: Item, path: Path, value: AttributeValue): Item {
  const current = valueAt(item, path);
  if (current === undefined) return reached(removeAt(item, path));
  const left = combineSets(current, value, (old, given) => old.filter((element) => !given.includes(element)));
  return reached(setElements(left)?.length === 0 ? removeAt(item, path) : putAt(item, path, left));
}

function combineSets(
  current: AttributeValue,
  given: AttributeValue,
  combine: (current: readonly string[], given: readonly string[]) => string[],
): AttributeValue {
  const type = typeOf(given);
  const [old, elements] = [setElements(current), setElements(given)];
  if (type !== typeOf(current) || old === undefined || elements === undefined) throw wrongType();
  if (type !== 'SS' && type !== 'NS' && type !== 'BS') throw wrongType();
  return makeSet(type, combine(old, elements));
}
