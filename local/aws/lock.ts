import { Database, SQLiteError } from 'bun:sqlite';
import { join } from 'node:path';

/** How long a predecessor that is shutting down may still hold the lock. */
const WAIT_MS = 2000;

/**
 * Takes the data folder for this process, since one writer owns its database; the operating system gives it
 * back when the process ends, however it ends. Returns the release; undefined when another process holds it.
 */
export function lockFolder(folder: string): (() => void) | undefined {
  const lock = new Database(join(folder, 'lock.sqlite'), { create: true });
  try {
    lock.run(`PRAGMA busy_timeout = ${WAIT_MS}`);
    lock.run('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    if (cause instanceof SQLiteError && cause.code === 'SQLITE_BUSY') return undefined;
    throw cause;
  }
  return () => lock.close();
}
