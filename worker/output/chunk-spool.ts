import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import type { ChunkRange } from '../../shared/output/keys.ts';

/** Chunks on their way to S3: first in, first out, on local disk, so that an outage costs no memory. */
export type ChunkSpool = {
  /** Appends a chunk; false when it would exceed the limit or the disk does not take it. */
  add(range: ChunkRange, body: Uint8Array): boolean;
  /** The body is valid until the next call: one buffer serves all, so that an upload leaves no garbage. */
  first(): { readonly range: ChunkRange; readonly body: Uint8Array } | null;
  removeFirst(): void;
  isEmpty(): boolean;
  close(): void;
};

type Entry = { readonly range: ChunkRange; readonly offset: number; readonly length: number };

/** A spool in the file `path`, which must not exist, holding at most `maxBytes` of waiting chunks. */
export const createChunkSpool = (path: string, maxBytes: number): ChunkSpool => {
  const file = openSync(path, 'wx+', 0o600);
  const entries: Entry[] = [];
  let buffer = new Uint8Array();
  let waiting = 0;
  let end = 0;
  return {
    add: (range, body) => {
      if (waiting + body.length > maxBytes || !writeAll(file, body, end)) return false;
      entries.push({ range, offset: end, length: body.length });
      waiting += body.length;
      end += body.length;
      return true;
    },
    first: () => {
      const entry = entries[0];
      if (entry === undefined) return null;
      if (buffer.length < entry.length) buffer = new Uint8Array(2 * entry.length);
      const body = buffer.subarray(0, entry.length);
      const read = readSync(file, body, 0, entry.length, entry.offset);
      if (read !== entry.length) throw new Error(`the chunk spool lost ${entry.length - read} bytes`);
      return { range: entry.range, body };
    },
    removeFirst: () => {
      waiting -= entries.shift()?.length ?? 0;
      if (entries.length > 0) return;
      ftruncateSync(file, 0);
      end = 0;
    },
    isEmpty: () => entries.length === 0,
    close: () => {
      closeSync(file);
      rmSync(path, { force: true });
    },
  };
};

const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Writes everything at `position`; false when the disk is full, in which case nothing there counts. */
export const writeAll = (file: number, bytes: Uint8Array, position: number): boolean => {
  try {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(file, bytes, done, bytes.length - done, position + done);
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && DISK_FULL.has(String(error.code))) return false;
    throw error;
  }
};
