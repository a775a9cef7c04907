import { digitsOf, magnitude, parseNumber } from './numbers.ts';
import type { AttributeValue } from './values.ts';

const NEGATIVE = 1;
const ZERO = 2;
const POSITIVE = 3;
const LOWEST_MAGNITUDE = -130;
const MAX_KEY_BYTES = 2048;

/** The key of an item without a sort key, and the lowest bound of every range. */
export const EMPTY_KEY = new Uint8Array();

/** A bound above every encoded key: one byte longer than the longest key, all bits set. */
export const HIGHEST_KEY = new Uint8Array(MAX_KEY_BYTES + 1).fill(0xff);

/** Encodes a key value so that comparing bytes orders as DynamoDB does: UTF-8, raw bytes, or numeric order. */
export function encodeKey(value: AttributeValue): Uint8Array {
  if ('S' in value) return Buffer.from(value.S);
  if ('B' in value) return Buffer.from(value.B, 'base64');
  if ('N' in value) return encodeNumber(value.N);
  throw new Error('Only strings, numbers and binaries can be keys');
}

/**
 * Sign, power of ten of the first digit (256 values: one byte), digits. A prefix sorts first, as 0.12 < 0.123.
 * For negative numbers every byte is complemented and a final 0xff makes the shorter one sort last.
 */
function encodeNumber(text: string): Uint8Array {
  const decimal = parseNumber(text);
  const power = magnitude(decimal);
  if (power === undefined) return Uint8Array.of(ZERO);
  const body = [power - LOWEST_MAGNITUDE, ...Buffer.from(digitsOf(decimal.coefficient))];
  if (decimal.coefficient > 0n) return Uint8Array.of(POSITIVE, ...body);
  return Uint8Array.of(NEGATIVE, ...body.map((byte) => 0xff - byte), 0xff);
}

/** The lowest key above this one: what makes an exclusive bound inclusive. */
export function nextKey(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The lowest key above every key that starts with the prefix. */
export function endOfPrefix(prefix: Uint8Array): Uint8Array {
  const last = prefix.findLastIndex((byte) => byte !== 0xff);
  if (last < 0) return HIGHEST_KEY;
  // A copy: a Buffer's own slice would share the prefix's memory.
  const end = Uint8Array.from(prefix.subarray(0, last + 1));
  end[last] = (end[last] ?? 0) + 1;
  return end;
}
