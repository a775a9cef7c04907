import type { Database } from 'bun:sqlite';

/** A row holds at most this many bytes, so that no reader and no writer needs a whole object at once. */
const CHUNK_BYTES = 1024 * 1024;

/** Up to here a range is answered in one piece, with its Content-Length; a longer one is streamed. */
const WHOLE_BYTES = 8 * CHUNK_BYTES;

type Extent = { start: number; length: number; chunk: number };

/** The bytes of objects and parts, by body id. Writers run inside their operation's transaction. */
export type Bodies = {
  /** Stores bytes as a new body. */
  write(bytes: Uint8Array): number;
  /** Stores a new body from a sequence of chunks. */
  writeAll(chunks: Iterable<Uint8Array>): number;
  /** Makes one body of several, in order, by moving their extents. The several cease to exist. */
  join(bodies: readonly number[]): number;
  /** A body's chunks in order, one in memory at a time. */
  chunks(body: number): Iterable<Uint8Array>;
  /** The bytes [start, start + length). A stream sees them all even if the object is replaced meanwhile. */
  read(body: number, start: number, length: number): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** Gives a body up; its rows go when no stream reads it, or at the next start. */
  discard(body: number): void;
  /** Removes the rows of discarded bodies that nobody reads. Called after a commit. */
  collect(): void;
};

export function createBodies(database: Database): Bodies {
  /** Streams in progress by body. Kept in memory: no stream outlives the process. */
  const readers = new Map<number, number>();

  const insertBody = database.query<{ id: number }, []>(
    'INSERT INTO s3_body (discarded) VALUES (0) RETURNING id',
  );
  const insertChunk = database.query<{ id: number }, [Uint8Array]>(
    'INSERT INTO s3_chunk (bytes) VALUES (?) RETURNING id',
  );
  const insertExtent = database.query<never, [number, number, number, number]>(
    'INSERT INTO s3_extent (body, start, length, chunk) VALUES (?, ?, ?, ?)',
  );
  const extentsWithin = database.query<Extent, [number, number, number]>(
    'SELECT start, length, chunk FROM s3_extent WHERE body = ? AND start + length > ? AND start < ? ORDER BY start',
  );
  const selectChunk = database.query<{ bytes: Uint8Array<ArrayBuffer> }, [number]>(
    'SELECT bytes FROM s3_chunk WHERE id = ?',
  );
  const moveExtents = database.query<never, [number, number, number]>(
    'UPDATE s3_extent SET body = ?, start = start + ? WHERE body = ?',
  );
  const bodyLength = database.query<{ length: number }, [number]>(
    'SELECT coalesce(sum(length), 0) AS length FROM s3_extent WHERE body = ?',
  );
  const deleteBody = database.query<never, [number]>('DELETE FROM s3_body WHERE id = ?');
  const deleteExtents = database.query<never, [number]>('DELETE FROM s3_extent WHERE body = ?');
  const deleteChunks = database.query<never, [number]>(
    'DELETE FROM s3_chunk WHERE id IN (SELECT chunk FROM s3_extent WHERE body = ?)',
  );
  const markDiscarded = database.query<never, [number]>('UPDATE s3_body SET discarded = 1 WHERE id = ?');
  const selectDiscarded = database.query<{ id: number }, []>('SELECT id FROM s3_body WHERE discarded = 1');

  const newBody = (): number => required(insertBody.get()).id;
  const bytesOf = (chunk: number): Uint8Array<ArrayBuffer> => required(selectChunk.get(chunk)).bytes;

  const remove = database.transaction((body: number) => {
    deleteChunks.run(body);
    deleteExtents.run(body);
    deleteBody.run(body);
  });

  function collect(): void {
    for (const { id } of selectDiscarded.all()) if (!readers.has(id)) remove(id);
  }

  function release(body: number): void {
    const others = (readers.get(body) ?? 0) - 1;
    if (others > 0) readers.set(body, others);
    else readers.delete(body);
    if (others <= 0) collect();
  }

  function writeAll(chunks: Iterable<Uint8Array>): number {
    const body = newBody();
    let start = 0;
    for (const bytes of chunks) {
      insertExtent.run(body, start, bytes.length, required(insertChunk.get(bytes)).id);
      start += bytes.length;
    }
    return body;
  }

  function join(bodies: readonly number[]): number {
    const joined = newBody();
    let start = 0;
    for (const body of bodies) {
      const length = required(bodyLength.get(body)).length;
      moveExtents.run(joined, start, body);
      deleteBody.run(body);
      start += length;
    }
    return joined;
  }

  function* piecesWithin(body: number, start: number, end: number): Generator<Uint8Array<ArrayBuffer>> {
    for (const extent of extentsWithin.all(body, start, end)) {
      const from = Math.max(start - extent.start, 0);
      const to = Math.min(end - extent.start, extent.length);
      yield bytesOf(extent.chunk).subarray(from, to);
    }
  }

  function readWhole(body: number, start: number, length: number): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(length);
    let filled = 0;
    for (const piece of piecesWithin(body, start, start + length)) {
      whole.set(piece, filled);
      filled += piece.length;
    }
    return whole;
  }

  function readStream(body: number, start: number, length: number): ReadableStream<Uint8Array> {
    readers.set(body, (readers.get(body) ?? 0) + 1);
    const pieces = piecesWithin(body, start, start + length);
    return new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const next = pieces.next();
          if (!next.done) return controller.enqueue(next.value);
          controller.close();
          release(body);
        },
        cancel: () => release(body),
      },
      { highWaterMark: 0 },
    );
  }

  return {
    write: (bytes) => writeAll(split(bytes)),
    writeAll,
    join,
    chunks: (body) => piecesWithin(body, 0, Number.MAX_SAFE_INTEGER),
    read: (body, start, length) =>
      length <= WHOLE_BYTES ? readWhole(body, start, length) : readStream(body, start, length),
    discard: (body) => void markDiscarded.run(body),
    collect,
  };
}

function* split(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    yield bytes.subarray(start, start + CHUNK_BYTES);
  }
}

/** The row that a statement always returns. */
function required<Row>(row: Row | null): Row {
  if (row === null) throw new Error('local S3: a row that its own tables refer to is missing');
  return row;
}
