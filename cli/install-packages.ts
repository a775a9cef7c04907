import { Database } from 'bun:sqlite';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorLine, runTool } from './run-tool.ts';

const CACHE = join(import.meta.dirname, '../node_modules/.cache/outpost');
/** How long one process waits for another's install, which may be 440 MB. */
const WAIT_MS = 600_000;

/**
 * Installs the locked packages of a folder unless they are there: what only some commands need is no part of the
 * first install on a machine. Processes that ask at once wait for one install. Throws Error with the remedy where
 * the registry cannot be reached.
 */
export async function installPackages(folder: string): Promise<void> {
  /** Holds the hash of the lockfile whose packages are all there. */
  const complete = join(folder, 'node_modules/.complete');
  const wanted = createHash('sha256')
    .update(readFileSync(join(folder, 'bun.lock')))
    .digest('hex');
  const isComplete = (): boolean => existsSync(complete) && readFileSync(complete, 'utf8') === wanted;
  if (isComplete()) return;
  mkdirSync(CACHE, { recursive: true });
  const name = basename(folder);
  // The operating system gives this lock back when the process ends, however it ends.
  using lock = new Database(join(CACHE, `${name}-packages.sqlite`), { create: true });
  lock.run(`PRAGMA busy_timeout = ${WAIT_MS}`);
  lock.run('BEGIN EXCLUSIVE');
  if (isComplete()) return;
  const options = ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress', '--no-summary'];
  const { exitCode, output } = await runTool([process.execPath, ...options], folder);
  if (exitCode !== 0) {
    throw new Error(
      `The packages of ${name}/ could not be installed: ${errorLine(output)}. Check that the npm registry can be reached, then run it again.`,
    );
  }
  writeFileSync(complete, wanted);
}
