import { Database } from 'bun:sqlite';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { prepareRoot } from './folders.ts';

/**
 * A lock on a tenant's uid among the workers of one machine, so that a kill or wipe by uid never meets another
 * job of it. It is a lock of the operating system on a SQLite file, which the end of the process frees, however
 * it comes. Resolves with the function that frees it, or with null while somebody holds it.
 */
export async function lockUid(root: string, uid: number): Promise<null | (() => void)> {
  await prepareRoot(root);
  const folder = join(root, '.locks');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = new Database(join(folder, `${uid}.lock`), { create: true });
  try {
    file.run('BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') return null;
    throw error;
  }
  return () => file.close();
}

const LOCK_PAUSE_MS = 20;

/** The lock, waited for as long as `withinMs`; null when somebody still holds it then. */
export async function lockUidWithin(
  root: string,
  uid: number,
  withinMs: number,
): Promise<null | (() => void)> {
  const deadline = performance.now() + withinMs;
  let unlock = await lockUid(root, uid);
  while (unlock === null && performance.now() < deadline) {
    await Bun.sleep(LOCK_PAUSE_MS);
    unlock = await lockUid(root, uid);
  }
  return unlock;
}
