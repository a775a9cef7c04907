import { validationError } from '../validation.ts';
import { COMPARATORS, FUNCTION_ARITY, type Condition, type FunctionName, type Operand } from './ast.ts';
import {
  atEnd,
  expect,
  isNext,
  nextCall,
  openCursor,
  parsePath,
  peek,
  skip,
  syntaxError,
  take,
  type Cursor,
} from './cursor.ts';

const MAX_IN_OPERANDS = 100;

/** Parses a condition, filter or key condition expression. */
export function parseCondition(source: string): Condition<string> {
  const cursor = openCursor(source);
  const condition = parseOr(cursor);
  if (!atEnd(cursor)) throw syntaxError(cursor);
  return condition;
}

function parseOr(cursor: Cursor): Condition<string> {
  let left = parseAnd(cursor);
  while (skip(cursor, 'OR')) left = { kind: 'or', left, right: parseAnd(cursor) };
  return left;
}

function parseAnd(cursor: Cursor): Condition<string> {
  let left = parseNot(cursor);
  while (skip(cursor, 'AND')) left = { kind: 'and', left, right: parseNot(cursor) };
  return left;
}

function parseNot(cursor: Cursor): Condition<string> {
  return skip(cursor, 'NOT') ? { kind: 'not', condition: parseNot(cursor) } : parsePrimary(cursor);
}

function parsePrimary(cursor: Cursor): Condition<string> {
  if (isNext(cursor, '(')) return parseGroup(cursor);
  const call = nextCall(cursor);
  if (call !== undefined && call !== 'size') return parseFunction(cursor, call);
  return parseComparison(cursor);
}

/** `( condition )`. A group that holds nothing but another group is an error, as on AWS. */
function parseGroup(cursor: Cursor): Condition<string> {
  expect(cursor, '(');
  const nested = isNext(cursor, '(') ? closingIndex(cursor) : undefined;
  const condition = parseOr(cursor);
  if (nested === cursor.position - 1 && isNext(cursor, ')')) {
    throw validationError('The expression has redundant parentheses;');
  }
  expect(cursor, ')');
  return condition;
}

/** Where the group that opens at the cursor closes. */
function closingIndex(cursor: Cursor): number | undefined {
  let depth = 0;
  for (let index = cursor.position; index < cursor.tokens.length; index += 1) {
    const text = cursor.tokens[index]?.text;
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (depth === 0) return index;
  }
  return undefined;
}

function parseFunction(cursor: Cursor, written: string): Condition<string> {
  const name = functionName(written);
  if (name === undefined) throw validationError(`Invalid function name; function: ${written}`);
  const operands = parseArguments(cursor);
  if (operands.length !== FUNCTION_ARITY[name]) {
    throw validationError(
      `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${operands.length}`,
    );
  }
  return { kind: 'function', name, operands };
}

// DynamoDB's function names are case-sensitive.
const functionName = (written: string): FunctionName | undefined =>
  Object.hasOwn(FUNCTION_ARITY, written) ? FUNCTIONS.find((name) => name === written) : undefined;
const FUNCTIONS: readonly FunctionName[] = [
  'attribute_exists',
  'attribute_not_exists',
  'attribute_type',
  'begins_with',
  'contains',
];

function parseArguments(cursor: Cursor): Operand<string>[] {
  take(cursor);
  expect(cursor, '(');
  const operands = parseOperands(cursor);
  expect(cursor, ')');
  return operands;
}

function parseOperands(cursor: Cursor): Operand<string>[] {
  const operands = [parseOperand(cursor)];
  while (skip(cursor, ',')) operands.push(parseOperand(cursor));
  return operands;
}

function parseComparison(cursor: Cursor): Condition<string> {
  const left = parseOperand(cursor);
  if (skip(cursor, 'BETWEEN')) {
    const low = parseOperand(cursor);
    expect(cursor, 'AND');
    return { kind: 'between', value: left, low, high: parseOperand(cursor) };
  }
  if (skip(cursor, 'IN')) return parseIn(cursor, left);
  const operator = COMPARATORS.find((candidate) => candidate === peek(cursor)?.text);
  if (operator === undefined) throw syntaxError(cursor);
  take(cursor);
  return { kind: 'compare', operator, left, right: parseOperand(cursor) };
}

function parseIn(cursor: Cursor, value: Operand<string>): Condition<string> {
  expect(cursor, '(');
  const candidates = parseOperands(cursor);
  expect(cursor, ')');
  if (candidates.length > MAX_IN_OPERANDS) {
    throw validationError(
      `Incorrect number of operands for operator or function; operator or function: IN, number of operands: ${candidates.length + 1}`,
    );
  }
  return { kind: 'in', value, candidates };
}

function parseOperand(cursor: Cursor): Operand<string> {
  if (peek(cursor)?.kind === 'value') return { kind: 'value', value: take(cursor).text };
  const call = nextCall(cursor);
  if (call === undefined) return { kind: 'path', path: parsePath(cursor) };
  if (call !== 'size') {
    const known = functionName(call) !== undefined;
    throw validationError(
      known
        ? `The function is not allowed to be used this way in an expression; function: ${call}`
        : `Invalid function name; function: ${call}`,
    );
  }
  const [of, ...others] = parseArguments(cursor);
  if (of === undefined || others.length > 0) {
    throw validationError(
      `Incorrect number of operands for operator or function; operator or function: size, number of operands: ${others.length + 1}`,
    );
  }
  return { kind: 'size', of };
}
