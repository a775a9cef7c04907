import { validationError } from '../validation.ts';

export type Token = {
  readonly kind: 'word' | 'name' | 'value' | 'index' | 'symbol';
  readonly text: string;
  readonly start: number;
  readonly end: number;
};

const TOKEN =
  /\s*(?:(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<name>#[A-Za-z0-9_]+)|(?<value>:[A-Za-z0-9_]+)|(?<index>\d+)|(?<symbol><>|<=|>=|[=<>()[\],.+-]))/y;
const KINDS = ['word', 'name', 'value', 'index', 'symbol'] as const;

/** Splits an expression into tokens; throws ValidationException at the first character that starts none. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const end = source.trimEnd().length;
  let position = 0;
  while (position < end) {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(source);
    const kind = KINDS.find((name) => match?.groups?.[name] !== undefined);
    const text = kind === undefined ? undefined : match?.groups?.[kind];
    if (kind === undefined || text === undefined) throw unknownCharacter(source, position);
    position = TOKEN.lastIndex;
    tokens.push({ kind, text, start: position - text.length, end: position });
  }
  return tokens;
}

function unknownCharacter(source: string, from: number): Error {
  const rest = source.slice(from).trimStart();
  return validationError(`Syntax error; token: "${rest.charAt(0)}", near: "${rest.slice(0, 2)}"`);
}
