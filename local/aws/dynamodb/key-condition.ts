import type { AwsError } from '../errors.ts';
import type { BoundCondition, BoundOperand } from './expressions/ast.ts';
import { EMPTY_KEY, encodeKey, endOfPrefix, HIGHEST_KEY, nextKey } from './keys.ts';
import type { KeyAttribute, KeySchema } from './schema.ts';
import { invalidParameter, validationError } from './validation.ts';
import { typeOf, type AttributeValue } from './values.ts';

/** The partition a query reads and, half-open, the sort keys within it. */
export type KeyRange = { readonly hash: Uint8Array; readonly low: Uint8Array; readonly high: Uint8Array };

type Term = {
  readonly attribute: string;
  readonly operator: '=' | '<' | '<=' | '>' | '>=' | 'BETWEEN' | 'begins_with';
  readonly values: readonly AttributeValue[];
};

/** Turns a KeyConditionExpression into a key range; throws ValidationException for anything else. */
export function keyRange(condition: BoundCondition, keys: KeySchema): KeyRange {
  const terms = conjuncts(condition).map(readTerm);
  const byName = Map.groupBy(terms, (term) => term.attribute);
  if ([...byName.values()].some((group) => group.length > 1)) {
    throw validationError('KeyConditionExpressions must only contain one condition per key');
  }
  const hash = byName.get(keys.hash.name)?.[0];
  if (hash === undefined) throw missing(keys.hash.name);
  if (hash.operator !== '=') throw validationError('Query key condition not supported');
  const others = terms.filter((term) => term !== hash);
  const [sort] = others;
  if (others.length > 1) throw validationError('Conditions can be of length 1 or 2 only');
  if (sort !== undefined && sort.attribute !== keys.range?.name) {
    throw keys.range === undefined
      ? validationError('Query key condition not supported')
      : missing(keys.range.name);
  }
  const partition = encodeTermValue(hash, keys.hash)[0] ?? EMPTY_KEY;
  if (sort === undefined || keys.range === undefined) {
    return { hash: partition, low: EMPTY_KEY, high: HIGHEST_KEY };
  }
  return { hash: partition, ...sortRange(sort, encodeTermValue(sort, keys.range)) };
}

const missing = (name: string): AwsError =>
  validationError(`Query condition missed key schema element: ${name}`);

function conjuncts(condition: BoundCondition): BoundCondition[] {
  if (condition.kind === 'and') return [...conjuncts(condition.left), ...conjuncts(condition.right)];
  if (condition.kind === 'or') throw invalidOperator('OR');
  if (condition.kind === 'not') throw invalidOperator('NOT');
  return [condition];
}

const invalidOperator = (operator: string): AwsError =>
  validationError(`Invalid operator used in KeyConditionExpression: ${operator}`);

function readTerm(condition: BoundCondition): Term {
  switch (condition.kind) {
    case 'between':
      return {
        attribute: nameOf(condition.value),
        operator: 'BETWEEN',
        values: [valueOf(condition.low), valueOf(condition.high)],
      };
    case 'function': {
      if (condition.name !== 'begins_with') throw invalidOperator(condition.name);
      const [path, prefix] = condition.operands;
      if (path === undefined || prefix === undefined) throw invalidOperator(condition.name);
      return { attribute: nameOf(path), operator: 'begins_with', values: [valueOf(prefix)] };
    }
    case 'compare':
      return readComparison(condition);
    case 'in':
      throw invalidOperator('IN');
    default:
      throw invalidOperator(condition.kind.toUpperCase());
  }
}

const MIRRORED = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;

function readComparison({ operator, left, right }: BoundCondition & { kind: 'compare' }): Term {
  if (operator === '<>') throw invalidOperator('<>');
  if (left.kind === 'value') {
    return { attribute: nameOf(right), operator: MIRRORED[operator], values: [left.value] };
  }
  return { attribute: nameOf(left), operator, values: [valueOf(right)] };
}

function nameOf(operand: BoundOperand): string {
  if (operand.kind !== 'path') throw invalidOperator(operand.kind === 'size' ? 'size' : 'value');
  if (operand.path.length > 1) {
    throw validationError('KeyConditionExpressions cannot have conditions on nested attributes');
  }
  return operand.path[0];
}

function valueOf(operand: BoundOperand): AttributeValue {
  if (operand.kind === 'value') return operand.value;
  throw validationError(
    'Invalid condition in KeyConditionExpression: No value is compared with the key attribute',
  );
}

function encodeTermValue(term: Term, key: KeyAttribute): Uint8Array[] {
  return term.values.map((value) => {
    if (typeOf(value) !== key.type) {
      throw invalidParameter('Condition parameter type does not match schema type');
    }
    if (('S' in value && value.S === '') || ('B' in value && value.B === '')) {
      throw validationError(
        `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty ${'S' in value ? 'string' : 'binary'} value. Key: ${key.name}`,
      );
    }
    return encodeKey(value);
  });
}

/** Sort keys that meet a term, as [low, high): the next key after x makes bounds on x inclusive or exclusive. */
function sortRange({ operator, values }: Term, encoded: Uint8Array[]): { low: Uint8Array; high: Uint8Array } {
  const first = encoded[0] ?? EMPTY_KEY;
  const last = encoded.at(-1) ?? first;
  switch (operator) {
    case '=':
    case 'BETWEEN':
      return { low: first, high: nextKey(last) };
    case '<':
      return { low: EMPTY_KEY, high: first };
    case '<=':
      return { low: EMPTY_KEY, high: nextKey(first) };
    case '>':
      return { low: nextKey(first), high: HIGHEST_KEY };
    case '>=':
      return { low: first, high: HIGHEST_KEY };
    case 'begins_with':
      if (values.some((value) => 'N' in value)) {
        throw validationError(
          'Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N',
        );
      }
      return { low: first, high: endOfPrefix(first) };
  }
}
