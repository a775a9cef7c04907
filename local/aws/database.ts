import { Database } from 'bun:sqlite';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Opens the one SQLite file of local AWS, or a database in memory when no folder is given.
 * `synchronous = FULL` makes a commit durable before it returns, so that what a service acknowledged
 * outlives the process and the machine. The file holds tenants' secrets: its folder is 0700.
 */
export function openDatabase(folder: string | undefined): Database {
  if (folder === undefined) return configure(new Database(':memory:', { strict: true }));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return configure(new Database(join(folder, 'aws.sqlite'), { create: true, strict: true }));
}

/**
 * A page holds a row whole up to a quarter of its size, and a job takes 1 to 2 KB: with SQLite's default of 4 KB
 * almost every job would fill an overflow page of its own. Files that exist keep theirs.
 */
const PAGE_BYTES = 8192;

function configure(database: Database): Database {
  database.run(`PRAGMA page_size = ${PAGE_BYTES}`);
  database.run('PRAGMA journal_mode = WAL');
  database.run('PRAGMA synchronous = FULL');
  database.run('PRAGMA busy_timeout = 5000');
  return database;
}
