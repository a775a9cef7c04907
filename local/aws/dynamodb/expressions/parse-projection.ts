import type { Path } from './ast.ts';
import { atEnd, openCursor, parsePath, skip, syntaxError } from './cursor.ts';

/** Parses a projection expression: document paths separated by commas. */
export function parseProjection(source: string): readonly Path[] {
  const cursor = openCursor(source);
  const paths = [parsePath(cursor)];
  while (skip(cursor, ',')) paths.push(parsePath(cursor));
  if (!atEnd(cursor)) throw syntaxError(cursor);
  return paths;
}
