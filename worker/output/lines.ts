/** A longer line is not parsed: it is in the stream as raw output all the same. */
export const MAX_LINE_BYTES = 1024 * 1024;

const LINE_FEED = 0x0a;

export type LineSplitter = {
  /** The lines that these bytes complete, without their line breaks (LF or CRLF). */
  push(bytes: Uint8Array): string[];
  /** The last line, when the stream ended without a line break. */
  flush(): string[];
};

/** Cuts a stream into lines; one longer than MAX_LINE_BYTES is left out and takes no memory. */
export const createLineSplitter = (): LineSplitter => {
  let parts: Uint8Array[] = [];
  let length = 0;

  const add = (bytes: Uint8Array): void => {
    length += bytes.length;
    if (length > MAX_LINE_BYTES) parts = [];
    else if (bytes.length > 0) parts.push(bytes);
  };

  const take = (): string[] => {
    const line = length > MAX_LINE_BYTES ? null : Buffer.concat(parts).toString('utf8');
    parts = [];
    length = 0;
    return line === null ? [] : [line.endsWith('\r') ? line.slice(0, -1) : line];
  };

  return {
    push: (bytes) => {
      const lines: string[] = [];
      let from = 0;
      for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
        add(bytes.subarray(from, at));
        lines.push(...take());
        from = at + 1;
      }
      // A copy: the caller's buffer must not live on because of a line's beginning.
      add(bytes.slice(from));
      return lines;
    },
    flush: () => (length === 0 ? [] : take()),
  };
};
