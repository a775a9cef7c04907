import { closeSync, openSync, rmSync } from 'node:fs';
import { writeAll } from './chunk-spool.ts';
import { wholeCharacters } from './text-pieces.ts';

/** The raw output of an attempt on local disk, until it becomes one object. */
export type RawSpool = {
  /** Appends bytes and answers how many fit under the cap: fewer than all means that the output is truncated. */
  append(bytes: Uint8Array): number;
  readonly path: string;
  bytes(): number;
  close(): void;
};

/** A spool in the file `path`, which must not exist. Takes `capBytes` at most; nothing after a first refusal. */
export const createRawSpool = (path: string, capBytes: number): RawSpool => {
  const file = openSync(path, 'wx', 0o600);
  let size = 0;
  let full = false;
  return {
    path,
    append: (bytes) => {
      if (full) return 0;
      const room = capBytes - size;
      const fits = bytes.length <= room ? bytes.length : wholeCharacters(bytes, room);
      const written = writeAll(file, bytes.subarray(0, fits), size) ? fits : 0;
      full = written < bytes.length;
      size += written;
      return written;
    },
    bytes: () => size,
    close: () => {
      closeSync(file);
      rmSync(path, { force: true });
    },
  };
};
