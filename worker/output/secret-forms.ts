/**
 * The byte strings under which a secret may appear in output: as it is, in base64 at each of the three
 * alignments (standard and URL-safe), in hex, percent-encoded, escaped in JSON once and twice, and as the list
 * of its bytes in decimal (grok prints tools' output so).
 *
 * Best effort by nature: compressed, spaced, reversed or doubly encoded secrets pass.
 */
export const secretForms = (secret: string): Uint8Array[] => {
  const bytes = Buffer.from(secret, 'utf8');
  const hex = bytes.toString('hex');
  const percent = encodeURIComponent(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const forms = new Set([
    secret,
    hex,
    hex.toUpperCase(),
    percent,
    percent.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    percent.replaceAll('%20', '+'),
    json,
    JSON.stringify(json).slice(1, -1),
    bytes.join(','),
    bytes.join(', '),
    ...base64Cores(bytes),
  ]);
  return [...forms].map((form) => Buffer.from(form, 'utf8'));
};

/**
 * The characters of a base64 text that a secret fixes wherever it begins. At each alignment the first and
 * last character may also hold bits of the neighbours and are left out.
 */
const base64Cores = (bytes: Buffer): string[] =>
  [0, 1, 2].flatMap((offset) => {
    const firstCharacter = Math.ceil((offset * 8) / 6);
    const endCharacter = Math.floor(((offset + bytes.length) * 8) / 6);
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    return (['base64', 'base64url'] as const).map((alphabet) =>
      padded.toString(alphabet).slice(firstCharacter, endCharacter),
    );
  });
