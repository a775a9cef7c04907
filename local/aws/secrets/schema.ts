import type { Database } from 'bun:sqlite';

/**
 * A version without a value is the placeholder of a rotation that has not written it yet. A staging label
 * is on one version at most: the primary key of secrets_stages. Times are milliseconds since the epoch.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS secrets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  arn TEXT NOT NULL UNIQUE,
  description TEXT,
  kms_key_id TEXT,
  tags TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  accessed_at INTEGER,
  delete_at INTEGER,
  rotation_enabled INTEGER NOT NULL DEFAULT 0,
  rotation_function TEXT,
  rotation_days INTEGER,
  rotated_at INTEGER,
  rotate_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS secrets_versions (
  secret INTEGER NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
  version_id TEXT NOT NULL,
  string_value TEXT,
  binary_value TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (secret, version_id)
) STRICT;
CREATE TABLE IF NOT EXISTS secrets_stages (
  secret INTEGER NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
  stage TEXT NOT NULL,
  version_id TEXT NOT NULL,
  PRIMARY KEY (secret, stage)
) STRICT;
`;

export function createSchema(database: Database): void {
  database.run('PRAGMA foreign_keys = ON');
  database.run(SCHEMA);
}
