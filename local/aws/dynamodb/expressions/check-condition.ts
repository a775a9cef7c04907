import type { AwsError } from '../../errors.ts';
import { validationError } from '../validation.ts';
import { compareValues, describeValue, typeOf, TYPE_NAMES, type TypeName } from '../values.ts';
import type { BoundCondition, BoundOperand, Path } from './ast.ts';
import { describePath } from './paths.ts';

const ORDERED: readonly TypeName[] = ['S', 'N', 'B'];

/** The checks DynamoDB makes on a condition before it looks at any item; throws ValidationException. */
export function checkCondition(condition: BoundCondition): void {
  switch (condition.kind) {
    case 'and':
    case 'or':
      checkCondition(condition.left);
      checkCondition(condition.right);
      return;
    case 'not':
      return checkCondition(condition.condition);
    case 'compare':
      return checkComparison(condition);
    case 'between':
      return checkBetween(condition);
    case 'in':
      return;
    case 'function':
      return checkFunction(condition);
  }
}

function checkComparison({ operator, left, right }: BoundCondition & { kind: 'compare' }): void {
  if (left.kind === 'path' && right.kind === 'path' && describePath(left.path) === describePath(right.path)) {
    throw validationError(
      `The first operand must be distinct from the remaining operands for this operator or function; operator: ${operator}, first operand: ${describePath(left.path)}`,
    );
  }
  if (operator === '=' || operator === '<>') return;
  for (const operand of [left, right]) requireType(operator, operand, ORDERED);
}

function checkBetween({ value, low, high }: BoundCondition & { kind: 'between' }): void {
  for (const operand of [value, low, high]) requireType('BETWEEN', operand, ORDERED);
  if (low.kind !== 'value' || high.kind !== 'value') return;
  const order = compareValues(low.value, high.value);
  const bounds = `lower bound operand: AttributeValue: ${describeValue(low.value)}, upper bound operand: AttributeValue: ${describeValue(high.value)}`;
  if (order === undefined) {
    throw validationError(
      `The BETWEEN operator requires same data type for lower and upper bounds; ${bounds}`,
    );
  }
  if (order > 0) {
    throw validationError(
      `The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ${bounds}`,
    );
  }
}

function checkFunction({ name, operands }: BoundCondition & { kind: 'function' }): void {
  const [first, second] = operands;
  if (name === 'attribute_exists' || name === 'attribute_not_exists') {
    if (first?.kind !== 'path') {
      throw validationError(`Operator or function requires a document path; operator or function: ${name}`);
    }
    return;
  }
  if (first === undefined || second === undefined) return;
  if (name === 'begins_with') {
    requireType(name, first, ['S', 'B']);
    requireType(name, second, ['S', 'B']);
  }
  if (name === 'attribute_type') checkAttributeType(second);
  const [left, right] = [pathOf(first), pathOf(second)];
  if (left !== undefined && right !== undefined && describePath(left) === describePath(right)) {
    throw validationError(
      `The first operand must be distinct from the remaining operands for this operator or function; operator: ${name}, first operand: ${describePath(left)}`,
    );
  }
}

const pathOf = (operand: BoundOperand): Path | undefined =>
  operand.kind === 'path' ? operand.path : undefined;

function checkAttributeType(operand: BoundOperand): void {
  if (operand.kind !== 'value') return;
  const wanted = operand.value;
  if (!('S' in wanted)) throw operandTypeError('attribute_type', typeOf(wanted));
  if (!TYPE_NAMES.some((name) => name === wanted.S)) {
    throw validationError(
      `Invalid attribute type name found; type: ${wanted.S}, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}`,
    );
  }
}

function requireType(operator: string, operand: BoundOperand, types: readonly TypeName[]): void {
  if (operand.kind === 'size' && !types.includes('N')) throw operandTypeError(operator, 'N');
  if (operand.kind !== 'value') return;
  const type = typeOf(operand.value);
  if (!types.includes(type)) throw operandTypeError(operator, type);
}

const operandTypeError = (operator: string, type: TypeName): AwsError =>
  validationError(
    `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${type}`,
  );
