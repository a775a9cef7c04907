import { validationError } from '../validation.ts';
import type { Assigned, Path, Update } from './ast.ts';
import {
  atEnd,
  expect,
  nextCall,
  openCursor,
  parsePath,
  parseValuePlaceholder,
  peek,
  skip,
  syntaxError,
  take,
  type Cursor,
} from './cursor.ts';

type Clauses = {
  set: { path: Path; value: Assigned<string> }[];
  remove: Path[];
  add: { path: Path; value: string }[];
  delete: { path: Path; value: string }[];
};

const SECTIONS = ['SET', 'REMOVE', 'ADD', 'DELETE'] as const;

/** Parses an update expression: each of SET, REMOVE, ADD and DELETE at most once. */
export function parseUpdate(source: string): Update<string> {
  const cursor = openCursor(source);
  const clauses: Clauses = { set: [], remove: [], add: [], delete: [] };
  const seen = new Set<string>();
  while (!atEnd(cursor)) {
    const section = SECTIONS.find((name) => name === peek(cursor)?.text.toUpperCase());
    if (section === undefined) throw syntaxError(cursor);
    if (seen.has(section)) {
      throw validationError(`The "${section}" section can only be used once in an update expression;`);
    }
    seen.add(section);
    take(cursor);
    do parseAction(cursor, section, clauses);
    while (skip(cursor, ','));
  }
  return clauses;
}

function parseAction(cursor: Cursor, section: (typeof SECTIONS)[number], clauses: Clauses): void {
  const path = parsePath(cursor);
  if (section === 'SET') {
    expect(cursor, '=');
    clauses.set.push({ path, value: parseAssigned(cursor) });
  } else if (section === 'REMOVE') {
    clauses.remove.push(path);
  } else {
    const clause = section === 'ADD' ? clauses.add : clauses.delete;
    clause.push({ path, value: parseValuePlaceholder(cursor) });
  }
}

/** An operand, or one sum or difference of two. */
function parseAssigned(cursor: Cursor): Assigned<string> {
  const left = parseTerm(cursor);
  const operator = peek(cursor)?.text;
  if (operator !== '+' && operator !== '-') return left;
  take(cursor);
  return { kind: 'arithmetic', operator, left, right: parseTerm(cursor) };
}

function parseTerm(cursor: Cursor): Assigned<string> {
  if (skip(cursor, '(')) {
    const inner = parseAssigned(cursor);
    expect(cursor, ')');
    return inner;
  }
  if (peek(cursor)?.kind === 'value') return { kind: 'value', value: take(cursor).text };
  const call = nextCall(cursor);
  if (call === undefined) return { kind: 'path', path: parsePath(cursor) };
  if (call !== 'if_not_exists' && call !== 'list_append') {
    throw validationError(`Invalid function name; function: ${call}`);
  }
  return parseCall(cursor, call);
}

function parseCall(cursor: Cursor, name: 'if_not_exists' | 'list_append'): Assigned<string> {
  take(cursor);
  expect(cursor, '(');
  const operands = [parseTerm(cursor)];
  while (skip(cursor, ',')) operands.push(parseTerm(cursor));
  expect(cursor, ')');
  const [first, second] = operands;
  if (first === undefined || second === undefined || operands.length !== 2) {
    throw validationError(
      `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${operands.length}`,
    );
  }
  if (name === 'list_append') return { kind: 'list_append', left: first, right: second };
  if (first.kind !== 'path') {
    throw validationError(
      'Operator or function requires a document path; operator or function: if_not_exists',
    );
  }
  return { kind: 'if_not_exists', path: first.path, otherwise: second };
}
