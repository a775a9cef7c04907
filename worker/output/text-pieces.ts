/**
 * Cutting bytes so that UTF-8 characters stay whole. RFC 3629: a character is a lead byte and up to three
 * continuation bytes (10xxxxxx).
 */

/** Raw bytes in one output event: base64 of as many stays within 64 KiB. */
export const MAX_PIECE_BYTES = 48 * 1024;

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

const characterLength = (lead: number): number => {
  if (lead >= 0xf0 && lead < 0xf8) return 4;
  if (lead >= 0xe0) return lead < 0xf0 ? 3 : 1;
  return lead >= 0xc0 ? 2 : 1;
};

/**
 * The largest length up to `limit` that does not cut a character in two. Bytes that are no UTF-8 may be cut
 * anywhere.
 */
export const wholeCharacters = (bytes: Uint8Array, limit = bytes.length): number => {
  const end = Math.min(limit, bytes.length);
  for (let back = 1; back <= Math.min(3, end); back += 1) {
    const byte = bytes[end - back] ?? 0;
    if (isContinuation(byte)) continue;
    return characterLength(byte) > back ? end - back : end;
  }
  return end;
};

export type CharacterSplitter = {
  /** What is complete, in pieces of at most MAX_PIECE_BYTES. */
  push(bytes: Uint8Array): Uint8Array[];
  /** A character that the stream's end cut short. */
  flush(): Uint8Array[];
};

/** Passes a stream on without ever cutting a character, holding back three bytes at most. */
export const createCharacterSplitter = (): CharacterSplitter => {
  let carry: Uint8Array = new Uint8Array();
  return {
    push: (bytes) => {
      let rest = carry.length === 0 ? bytes : Buffer.concat([carry, bytes]);
      const pieces: Uint8Array[] = [];
      while (rest.length > 0) {
        const length = wholeCharacters(rest, MAX_PIECE_BYTES);
        if (length === 0) break;
        pieces.push(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
      carry = rest.slice();
      return pieces;
    },
    flush: () => {
      const rest = carry;
      carry = new Uint8Array();
      return rest.length === 0 ? [] : [rest];
    },
  };
};

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes as an event carries them: text where they are UTF-8, else base64. */
export const encodeData = (bytes: Uint8Array): { data: string; encoding?: 'base64' } => {
  try {
    return { data: strictUtf8.decode(bytes) };
  } catch {
    // The decoder's only error: not UTF-8.
    return { data: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
  }
};
