import type { Database } from 'bun:sqlite';

/**
 * message_id is not unique: a duplicate delivery is a second row of the same message.
 * receipt is the nonce of the latest receive; null before the first. Times are milliseconds since the epoch.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS sqs_queues (
  name TEXT PRIMARY KEY,
  attributes TEXT NOT NULL,
  tags TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  modified_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sqs_messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL REFERENCES sqs_queues (name) ON DELETE CASCADE,
  message_id TEXT NOT NULL,
  body TEXT NOT NULL,
  attributes TEXT NOT NULL,
  group_id TEXT,
  sent_at INTEGER NOT NULL,
  visible_at INTEGER NOT NULL,
  receive_count INTEGER NOT NULL DEFAULT 0,
  first_received_at INTEGER,
  received_at INTEGER,
  receipt TEXT,
  dead_letter_source TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS sqs_messages_order ON sqs_messages (queue, group_id, seq, visible_at);
CREATE INDEX IF NOT EXISTS sqs_messages_visible ON sqs_messages (queue, visible_at);
CREATE INDEX IF NOT EXISTS sqs_messages_sent ON sqs_messages (queue, sent_at);
CREATE INDEX IF NOT EXISTS sqs_messages_in_flight ON sqs_messages (queue, visible_at, group_id)
  WHERE receipt IS NOT NULL;
CREATE TABLE IF NOT EXISTS sqs_move_tasks (
  handle TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  destination TEXT,
  status TEXT NOT NULL,
  rate INTEGER,
  moved INTEGER NOT NULL DEFAULT 0,
  to_move INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  failure TEXT
) STRICT;
`;

export function createSchema(database: Database): void {
  database.run('PRAGMA foreign_keys = ON');
  database.run(SCHEMA);
}
