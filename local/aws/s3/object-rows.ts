import type { Database } from 'bun:sqlite';
import type { Store } from './call.ts';
import type { Checksum } from './checksums.ts';
import type { ObjectHeaders } from './object-headers.ts';

/** The bytes and all that is known about one object. */
export type StoredObject = {
  readonly body: number;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  readonly headers: ObjectHeaders;
  readonly checksum: Checksum | undefined;
};

type ObjectRow = {
  body: number;
  size: number;
  etag: string;
  modified: number;
  headers: string;
  checksum: string | null;
};

export function findObject(database: Database, bucket: string, key: string): StoredObject | undefined {
  const row = database
    .query<ObjectRow, [string, string]>(
      'SELECT body, size, etag, modified, headers, checksum FROM s3_object WHERE bucket = ? AND key = ?',
    )
    .get(bucket, key);
  if (row === null) return undefined;
  const headers: ObjectHeaders = JSON.parse(row.headers);
  const checksum: Checksum | undefined = row.checksum === null ? undefined : JSON.parse(row.checksum);
  return { ...row, headers, checksum };
}

/** Puts the object under its key; the body of the one it replaces is discarded. */
export function replaceObject(store: Store, bucket: string, key: string, object: StoredObject): void {
  removeObject(store, bucket, key);
  store.database
    .query<never, [string, string, number, number, string, number, string, string | null]>(
      `INSERT INTO s3_object (bucket, key, body, size, etag, modified, headers, checksum)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      bucket,
      key,
      object.body,
      object.size,
      object.etag,
      object.modified,
      JSON.stringify(object.headers),
      object.checksum === undefined ? null : JSON.stringify(object.checksum),
    );
}

/** Removes the object if there is one: deleting what does not exist is a success in S3. */
export function removeObject(store: Store, bucket: string, key: string): void {
  const removed = store.database
    .query<{ body: number }, [string, string]>(
      'DELETE FROM s3_object WHERE bucket = ? AND key = ? RETURNING body',
    )
    .get(bucket, key);
  if (removed !== null) store.bodies.discard(removed.body);
}
