import { type } from 'arktype';
import { invalidField } from '../../shared/errors.ts';

/** Pages of lists: `limit` 1-100 (default 20) and an opaque cursor that only its own list understands. */
const LIMIT_DEFAULT = 20;

/** Query strings are text: a number is checked as text and converted after. */
export const LimitText = type(/^([1-9]|[1-9]\d|100)$/).describe('a number from 1 to 100');
export const CursorText = type('1 <= string <= 512').describe('a next_cursor of an earlier page');

export const limitOf = (text: string | undefined): number =>
  text === undefined ? LIMIT_DEFAULT : Number(text);

/** Base64url of the last row's sort key, marked with the list it belongs to. */
export const encodeCursor = (list: string, last: string): string =>
  btoa(`${list}:${last}`).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** The sort key in a cursor. Throws invalid_request for anything that this list did not hand out. */
export function decodeCursor(list: string, cursor: string | undefined, shape: RegExp): string | undefined {
  if (cursor === undefined) return undefined;
  const text = decodeBase64Url(cursor);
  const last = text?.startsWith(`${list}:`) === true ? text.slice(list.length + 1) : undefined;
  if (last === undefined || !shape.test(last)) {
    throw invalidField('cursor', 'must be a next_cursor that this list answered with.');
  }
  return last;
}

function decodeBase64Url(text: string): string | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return undefined;
  return atob(text.replaceAll('-', '+').replaceAll('_', '/'));
}
