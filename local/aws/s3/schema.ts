import type { Database } from 'bun:sqlite';

/**
 * The tables of S3. An object's bytes are a body: an ordered run of extents, each one chunk row of at
 * most 1 MiB. A body never changes once its transaction commits, so that a reader sees one object or
 * another and never a mixture; completing a multipart upload moves extents and copies no bytes.
 */
export function createTables(database: Database): void {
  database.run(`
    CREATE TABLE IF NOT EXISTS s3_bucket (
      name TEXT PRIMARY KEY, created INTEGER NOT NULL, location TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS s3_bucket_configuration (
      bucket TEXT NOT NULL, kind TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY (bucket, kind)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS s3_body (
      id INTEGER PRIMARY KEY AUTOINCREMENT, discarded INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS s3_body_discarded ON s3_body (id) WHERE discarded = 1;
    CREATE TABLE IF NOT EXISTS s3_chunk (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS s3_extent (
      body INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, chunk INTEGER NOT NULL,
      PRIMARY KEY (body, start)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS s3_object (
      bucket TEXT NOT NULL, key TEXT NOT NULL, body INTEGER NOT NULL, size INTEGER NOT NULL,
      etag TEXT NOT NULL, modified INTEGER NOT NULL, headers TEXT NOT NULL,
      checksum TEXT, PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS s3_upload (
      id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, started INTEGER NOT NULL,
      headers TEXT NOT NULL, checksum_algorithm TEXT, checksum_type TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS s3_upload_key ON s3_upload (bucket, key, id);
    CREATE TABLE IF NOT EXISTS s3_part (
      upload TEXT NOT NULL, number INTEGER NOT NULL, body INTEGER NOT NULL, size INTEGER NOT NULL,
      etag TEXT NOT NULL, modified INTEGER NOT NULL, checksum TEXT, PRIMARY KEY (upload, number)
    ) STRICT, WITHOUT ROWID;
  `);
}
