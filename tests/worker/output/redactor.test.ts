import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createRedactor, createSecretMatcher, REDACTED } from '../../../worker/output/redactor.ts';
import { secretForms } from '../../../worker/output/secret-forms.ts';

const scale = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

const redact = (secrets: string[], chunks: Uint8Array[]): Buffer => {
  const redactor = createRedactor(createSecretMatcher(secrets));
  return Buffer.concat([...chunks.map((chunk) => redactor.push(chunk)), redactor.flush()]);
};

/** Cuts bytes into pieces of the given sizes, used round and round. */
const cut = (bytes: Uint8Array, sizes: number[]): Uint8Array[] => {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
};

/** The definition: every occurrence of every form, overlapping ones as one. Slow and obvious. */
const reference = (secrets: string[], input: Uint8Array): Buffer => {
  const text = Buffer.from(input).toString('latin1');
  const secret = new Uint8Array(input.length);
  const starts = new Set<number>();
  const runs: [number, number][] = [];
  for (const form of secrets.flatMap(secretForms).map((bytes) => Buffer.from(bytes).toString('latin1'))) {
    for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) {
      runs.push([at, at + form.length]);
    }
  }
  runs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = -1;
  for (const [from, to] of runs) {
    if (from >= end) starts.add(from);
    secret.fill(1, from, to);
    end = Math.max(end, to);
  }
  let output = '';
  for (let at = 0; at < text.length; at += 1) {
    if (starts.has(at)) output += REDACTED;
    if (secret[at] === 0) output += text[at];
  }
  return Buffer.from(output, 'latin1');
};

const secretText = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_-]{8,60}$/),
  fc.string({ minLength: 8, maxLength: 40, unit: 'binary' }).filter((text) => text.isWellFormed()),
  // Little variety makes overlaps and false starts frequent.
  fc.stringMatching(/^[ab]{8,12}$/),
  fc.stringMatching(/^[a"\\ ]{8,10}$/),
);

const ENCODINGS: ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => Buffer.from(secret).toString('base64'),
  (secret) => Buffer.from(`x${secret}yz`).toString('base64'),
  (secret) => Buffer.from(`xy${secret}z`).toString('base64url'),
  (secret) => Buffer.from(secret).toString('hex'),
  (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  (secret) => encodeURIComponent(secret),
  (secret) => JSON.stringify({ key: secret }),
  (secret) => JSON.stringify(JSON.stringify(secret)),
  (secret) => JSON.stringify([...Buffer.from(secret)]),
  (secret) => [...Buffer.from(secret)].join(', '),
];

const input = (secrets: string[]): fc.Arbitrary<Uint8Array> =>
  fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc.stringMatching(/^[ab]{0,15}$/).map((text) => Buffer.from(text)),
        fc
          .tuple(fc.constantFrom(...secrets), fc.constantFrom(...ENCODINGS), fc.nat(12))
          .map(([secret, encode, shortenedBy]) => {
            const text = Buffer.from(encode(secret));
            // A third of the time only the beginning of a secret: held back, then released.
            return shortenedBy < 4 ? text.subarray(0, text.length - shortenedBy) : text;
          }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => Buffer.concat(parts));

describe('the redactor', () => {
  test('redacts exactly the secrets, whatever the chunks', () => {
    const cases = fc
      .array(secretText, { minLength: 1, maxLength: 3 })
      .chain((secrets) =>
        fc.tuple(
          fc.constant(secrets),
          input(secrets),
          fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        ),
      );
    fc.assert(
      fc.property(cases, ([secrets, bytes, sizes]) => {
        const expected = reference(secrets, bytes).toString('latin1');
        expect(redact(secrets, cut(bytes, sizes)).toString('latin1')).toBe(expected);
        expect(redact(secrets, cut(bytes, [1])).toString('latin1')).toBe(expected);
      }),
      { numRuns: 300 * scale },
    );
  }, 600_000);

  test('hides a key in every encoding, byte by byte', () => {
    const secret = 'sk-ant-api03-AbC/dEf+ghi"jkl mno=PQRSTUVWXYZ0123456789';
    for (const encode of ENCODINGS) {
      const text = `before ${encode(secret)} after`;
      const output = redact([secret], cut(Buffer.from(text), [1])).toString();
      expect(output).toStartWith('before ');
      expect(output).toEndWith(' after');
      expect(output).toContain(REDACTED);
      expect(output.length).toBeLessThan('before  after'.length + REDACTED.length + 24);
    }
  });

  test('holds back only what could become a secret', () => {
    const redactor = createRedactor(createSecretMatcher(['secret-key-1']));
    expect(Buffer.from(redactor.push(Buffer.from('hello secret-k'))).toString()).toBe('hello ');
    expect(Buffer.from(redactor.push(Buffer.from('now'))).toString()).toBe('secret-know');
    expect(Buffer.from(redactor.push(Buffer.from('secret-key-1'))).toString()).toBe(REDACTED);
    expect(redactor.flush()).toHaveLength(0);
  });

  test('keeps no memory of an endless overlapping run', () => {
    const redactor = createRedactor(createSecretMatcher(['aaaaaaaa']));
    const chunk = Buffer.alloc(64 * 1024, 'a');
    let written = 0;
    for (let round = 0; round < 100; round += 1) written += redactor.push(chunk).length;
    expect(written + redactor.flush().length).toBe(REDACTED.length);
  });

  test('passes everything when there is no secret', () => {
    const bytes = crypto.getRandomValues(new Uint8Array(5000));
    expect(redact([], cut(bytes, [7, 1, 300])).equals(bytes)).toBe(true);
  });
});
