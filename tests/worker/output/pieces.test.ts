import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createLineSplitter, MAX_LINE_BYTES } from '../../../worker/output/lines.ts';
import { MAX_TEXT, shorten } from '../../../worker/output/shorten.ts';
import { createCharacterSplitter, encodeData, MAX_PIECE_BYTES } from '../../../worker/output/text-pieces.ts';

const cutAt = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

describe('the character splitter', () => {
  const split = (bytes: Uint8Array, size: number): Uint8Array[] => {
    const splitter = createCharacterSplitter();
    return [...cutAt(bytes, size).flatMap((part) => splitter.push(part)), ...splitter.flush()];
  };

  test('never cuts a character, however the text is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 7 }), (text, size) => {
        const encoded = split(Buffer.from(text), size).map(encodeData);
        expect(encoded.every((piece) => piece.encoding === undefined)).toBe(true);
        expect(encoded.map((piece) => piece.data).join('')).toBe(text);
      }),
    );
  });

  test('passes any bytes unchanged, in pieces of bounded size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (bytes, size) => {
        expect(Buffer.concat(split(bytes, size)).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
    const pieces = split(Buffer.from('é'.repeat(MAX_PIECE_BYTES)), 1 << 20);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(MAX_PIECE_BYTES);
    expect(pieces.every((piece) => encodeData(piece).encoding === undefined)).toBe(true);
  });

  test('keeps a byte order mark, and carries what is not UTF-8 as base64', () => {
    expect(encodeData(Buffer.from('\ufeffx'))).toEqual({ data: '\ufeffx' });
    expect(encodeData(Uint8Array.of(0xff, 0x41))).toEqual({ data: '/0E=', encoding: 'base64' });
  });
});

describe('the line splitter', () => {
  test('finds the same lines however the bytes are cut', () => {
    const texts = fc.array(fc.stringMatching(/^[a-zé\r]{0,5}$/), { maxLength: 8 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 5 }), fc.boolean(), (lines, size, ended) => {
        const splitter = createLineSplitter();
        const text = lines.join('\n') + (ended ? '\n' : '');
        const found = cutAt(Buffer.from(text), size).flatMap((part) => splitter.push(part));
        const expected = text.split('\n').map((line) => line.replace(/\r$/, ''));
        if (text.endsWith('\n') || text === '') expected.pop();
        expect([...found, ...splitter.flush()]).toEqual(expected);
      }),
    );
  });

  test('leaves out an over-long line and goes on with the next', () => {
    const splitter = createLineSplitter();
    const long = Buffer.alloc(MAX_LINE_BYTES + 1, 'x');
    const lines = [...cutAt(long, 65536), Buffer.from('\nnext\n')].flatMap((part) => splitter.push(part));
    expect(lines).toEqual(['next']);
    const whole = splitter.push(Buffer.concat([long.subarray(1), Buffer.from('\n')]));
    expect(whole.map((line) => line.length)).toEqual([MAX_LINE_BYTES]);
  });
});

test('long texts of events are cut without half a character, and marked', () => {
  const text = `${'x'.repeat(MAX_TEXT - 1)}😀tail`;
  expect(shorten({ type: 'message', text })).toEqual({
    type: 'message',
    text: 'x'.repeat(MAX_TEXT - 1),
    truncated: true,
  });
  expect(shorten({ type: 'message', text: 'short' })).toEqual({ type: 'message', text: 'short' });
});
