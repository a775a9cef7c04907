import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { encodeKey, endOfPrefix, nextKey } from '../../../local/aws/dynamodb/keys.ts';
import {
  addNumbers,
  compareNumbers,
  normalizeNumber,
  subtractNumbers,
} from '../../../local/aws/dynamodb/numbers.ts';

/** A coefficient of up to 18 digits at any power that leaves room to add: text, and its value times 10^60. */
const decimals = fc
  .record({
    coefficient: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
    exponent: fc.integer({ min: -9, max: 9 }),
  })
  .map(({ coefficient, exponent }) => ({
    text: `${coefficient}E${exponent}`,
    scaled: coefficient * 10n ** BigInt(exponent + 60),
  }));
const wideNumbers = fc
  .record({
    coefficient: fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
    exponent: fc.integer({ min: -130, max: 80 }),
  })
  .map(({ coefficient, exponent }) => `${coefficient}E${exponent}`);

test('a sum and a difference are exact', () => {
  fc.assert(
    fc.property(decimals, decimals, (left, right) => {
      const [sum, difference] = [addNumbers(left.text, right.text), subtractNumbers(left.text, right.text)];
      expect(scaledValue(sum)).toBe(left.scaled + right.scaled);
      expect(scaledValue(difference)).toBe(left.scaled - right.scaled);
    }),
  );
});

test('numbers are ordered by value', () => {
  fc.assert(
    fc.property(decimals, decimals, (left, right) => {
      const expected = Number(left.scaled > right.scaled) - Number(left.scaled < right.scaled);
      expect(compareNumbers(left.text, right.text)).toBe(expected);
    }),
  );
});

test('a normalised number is plain, and normalising it again changes nothing', () => {
  fc.assert(
    fc.property(wideNumbers, (text) => {
      const plain = normalizeNumber(text);
      expect(plain).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
      expect(normalizeNumber(plain)).toBe(plain);
      expect(compareNumbers(plain, text)).toBe(0);
    }),
  );
});

test('the bytes of numeric keys are ordered as the numbers are', () => {
  fc.assert(
    fc.property(wideNumbers, wideNumbers, (left, right) => {
      expect(Math.sign(Buffer.compare(encodeKey({ N: left }), encodeKey({ N: right })))).toBe(
        Math.sign(compareNumbers(left, right)),
      );
    }),
    { numRuns: 1000 },
  );
});

test('the bytes of text keys are ordered as their UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (left, right) => {
      expect(Buffer.compare(encodeKey({ S: left }), encodeKey({ S: right }))).toBe(
        Buffer.compare(Buffer.from(left), Buffer.from(right)),
      );
    }),
  );
});

test('a key lies between a prefix and its end exactly if it starts with the prefix', () => {
  const bytes = fc
    .uint8Array({ maxLength: 4 })
    .map((array) => Uint8Array.from(array, (byte) => (byte < 128 ? byte % 3 : 255 - (byte % 2))));
  fc.assert(
    fc.property(bytes, bytes, (prefix, key) => {
      const original = Uint8Array.from(prefix);
      const inside = Buffer.compare(key, prefix) >= 0 && Buffer.compare(key, endOfPrefix(prefix)) < 0;
      expect(inside).toBe(Buffer.from(key).subarray(0, prefix.length).equals(Buffer.from(prefix)));
      expect(prefix).toEqual(original);
    }),
    { numRuns: 1000 },
  );
});

test('nothing lies between a key and the next', () => {
  const bytes = fc.uint8Array({ maxLength: 3, max: 2 });
  fc.assert(
    fc.property(bytes, bytes, (key, other) => {
      const next = nextKey(key);
      expect(Buffer.compare(other, key) > 0).toBe(Buffer.compare(other, next) >= 0);
    }),
    { numRuns: 1000 },
  );
});

/** A plain decimal times 10^60, as a whole number. */
function scaledValue(plain: string): bigint {
  const [whole = '', fraction = ''] = plain.split('.');
  return BigInt(whole + fraction.padEnd(60, '0'));
}
