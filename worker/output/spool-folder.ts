import { Database } from 'bun:sqlite';
import { existsSync, lstatSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const PREFIX = 'outpost-spool-';
const LOCK = 'lock';

/** A folder for output on its way to S3, which ends with its process. */
export type SpoolFolder = { readonly path: string; remove(): void };

/**
 * Makes this process's own spool folder in `root`. It is locked as lockUid locks, so that the end of the process
 * frees it, however it comes, and removeAbandonedSpools of another worker leaves it alone until then.
 */
export function makeSpoolFolder(root: string): SpoolFolder {
  const path = mkdtempSync(join(root, PREFIX));
  const unlock = lock(join(path, `${LOCK}.new`), true);
  // Named only now: a lock of that name is held, or its process has ended.
  renameSync(join(path, `${LOCK}.new`), join(path, LOCK));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
      unlock?.();
    },
  };
}

/**
 * Removes the spool folders in `root` of workers that have ended without doing so: what tenants' agents wrote must
 * not stay on the disk. Answers how many. Folders of other users are none of ours, and a tenant may make what it
 * likes in a shared folder, so only folders of this user are looked into.
 */
export function removeAbandonedSpools(root: string): number {
  const abandoned = readdirSync(root)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(root, name))
    .filter(isOwnFolder);
  return abandoned.filter(removeIfAbandoned).length;
}

function removeIfAbandoned(path: string): boolean {
  // Without a lock it is being made at this moment.
  if (!existsSync(join(path, LOCK))) return false;
  const unlock = lock(join(path, LOCK), false);
  if (unlock === null) return false;
  try {
    // The lock last, so that a removal that is cut short is taken up again.
    for (const name of readdirSync(path)) {
      if (name !== LOCK) rmSync(join(path, name), { recursive: true, force: true });
    }
    rmSync(path, { recursive: true, force: true });
    return true;
  } finally {
    unlock();
  }
}

function isOwnFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.();
}

/** The function that frees it, or null while another process holds it or when it has just gone. */
function lock(file: string, create: boolean): null | (() => void) {
  let database: Database | undefined;
  try {
    database = new Database(file, create ? { create } : { readwrite: true });
    database.run('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'SQLITE_BUSY' || code === 'SQLITE_CANTOPEN') return null;
    throw error;
  }
  const held = database;
  return () => held.close();
}
