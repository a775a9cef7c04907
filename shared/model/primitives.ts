import { type, type Traversal } from 'arktype';

/** Fields that several models share. Regular expressions are anchored: JSON Schema's `pattern` is not. */

/** RFC 9562, lower case. */
export const Uuid = type(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/).describe(
  'a UUID in lower case',
);

/** Crockford base32, 48 bits of time and 80 of randomness. https://github.com/ulid/spec */
export const Ulid = type(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/).describe('a ULID');

/** ISO 8601 in UTC with milliseconds, as Date.toISOString writes it: sorts as text. */
export const Timestamp = type(
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/,
).describe('a time in UTC with milliseconds, for example 2026-01-31T12:00:00.000Z');

export const NonNegativeInteger = type('number.integer >= 0 & number.safe');

/** A string of printable text without control characters, for names that people see. */
export const DisplayName = type(/^[^\u0000-\u001f\u007f]{1,100}$/).describe(
  '1 to 100 characters without control characters',
);

/** Refuses a list where every key is optional: arktype takes one for an object, JSON Schema does not. */
export const notList = (value: object, context: Traversal): boolean =>
  !Array.isArray(value) || context.mustBe('an object');
