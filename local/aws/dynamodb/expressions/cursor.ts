import { validationError } from '../validation.ts';
import type { AwsError } from '../../errors.ts';
import type { Path } from './ast.ts';
import { tokenize, type Token } from './lexer.ts';
import { isReservedWord } from './reserved-words.ts';

const MAX_EXPRESSION_BYTES = 4096;

/** Tokens and how far the parser has come. */
export type Cursor = { readonly source: string; readonly tokens: readonly Token[]; position: number };

/** Starts reading an expression; throws ValidationException for an empty or oversized one. */
export function openCursor(source: string): Cursor {
  if (source.trim() === '') throw validationError('The expression can not be empty;');
  const bytes = Buffer.byteLength(source);
  if (bytes > MAX_EXPRESSION_BYTES) {
    throw validationError(`Expression size has exceeded the maximum allowed size; expression size: ${bytes}`);
  }
  return { source, tokens: tokenize(source), position: 0 };
}

export const peek = (cursor: Cursor, ahead = 0): Token | undefined => cursor.tokens[cursor.position + ahead];

export const atEnd = (cursor: Cursor): boolean => cursor.position >= cursor.tokens.length;

/** The next token, consumed; a syntax error at the end. */
export function take(cursor: Cursor): Token {
  const token = peek(cursor);
  if (token === undefined) throw syntaxError(cursor);
  cursor.position += 1;
  return token;
}

/** Whether the next token is this symbol or keyword, in any case. */
export function isNext(cursor: Cursor, text: string): boolean {
  const token = peek(cursor);
  return (token?.kind === 'word' || token?.kind === 'symbol') && token.text.toUpperCase() === text;
}

/** Consumes the symbol or keyword if it comes next. */
export function skip(cursor: Cursor, text: string): boolean {
  const found = isNext(cursor, text);
  if (found) cursor.position += 1;
  return found;
}

/** Consumes the symbol or keyword, or throws a syntax error. */
export function expect(cursor: Cursor, text: string): void {
  if (!skip(cursor, text)) throw syntaxError(cursor);
}

/** A syntax error at the next token, quoting its neighbours as DynamoDB does. */
export function syntaxError(cursor: Cursor): AwsError {
  const token = peek(cursor);
  const before = cursor.tokens[cursor.position - 1];
  const after = peek(cursor, 1);
  const start = (before ?? token)?.start ?? 0;
  const near = cursor.source.slice(start, (after ?? token ?? before)?.end);
  return validationError(`Syntax error; token: "${token?.text ?? '<EOF>'}", near: "${near}"`);
}

/** A function's name, lower-cased as written, if a call comes next. */
export function nextCall(cursor: Cursor): string | undefined {
  const token = peek(cursor);
  return token?.kind === 'word' && peek(cursor, 1)?.text === '(' ? token.text : undefined;
}

/** A document path: names, `#` placeholders and list indexes. Throws for reserved words. */
export function parsePath(cursor: Cursor): Path {
  const path: [string, ...(string | number)[]] = [parseName(cursor)];
  for (;;) {
    if (skip(cursor, '.')) {
      path.push(parseName(cursor));
    } else if (skip(cursor, '[')) {
      if (peek(cursor)?.kind !== 'index') throw syntaxError(cursor);
      path.push(Number(take(cursor).text));
      expect(cursor, ']');
    } else {
      return path;
    }
  }
}

function parseName(cursor: Cursor): string {
  const token = peek(cursor);
  if (token?.kind !== 'word' && token?.kind !== 'name') throw syntaxError(cursor);
  if (token.kind === 'word' && isReservedWord(token.text)) {
    throw validationError(`Attribute name is a reserved keyword; reserved keyword: ${token.text}`);
  }
  return take(cursor).text;
}

/** A `:value` placeholder's text. */
export function parseValuePlaceholder(cursor: Cursor): string {
  if (peek(cursor)?.kind !== 'value') throw syntaxError(cursor);
  return take(cursor).text;
}
