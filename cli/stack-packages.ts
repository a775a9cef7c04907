import { Database } from 'bun:sqlite';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorLine, runTool } from './run-tool.ts';

const FOLDER = join(import.meta.dirname, '../stacks');
const CACHE = join(import.meta.dirname, '../node_modules/.cache/outpost');
/** Holds the hash of the lockfile whose packages are all there. */
const COMPLETE = join(FOLDER, 'node_modules/.complete');
/** How long one process waits for another's install, which is 440 MB. */
const WAIT_MS = 600_000;

let installing: Promise<void> | undefined;

/**
 * Installs what only the stacks need (stacks/package.json: 440 MB on disk) unless it is there, so that the first
 * install on a machine does without. Processes that ask at once wait for one install. Throws Error with the
 * remedy where the registry cannot be reached.
 */
export function installStackPackages(): Promise<void> {
  installing ??= install();
  return installing;
}

async function install(): Promise<void> {
  const wanted = createHash('sha256')
    .update(readFileSync(join(FOLDER, 'bun.lock')))
    .digest('hex');
  const isComplete = (): boolean => existsSync(COMPLETE) && readFileSync(COMPLETE, 'utf8') === wanted;
  if (isComplete()) return;
  mkdirSync(CACHE, { recursive: true });
  // The operating system gives this lock back when the process ends, however it ends.
  using lock = new Database(join(CACHE, 'stack-packages.sqlite'), { create: true });
  lock.run(`PRAGMA busy_timeout = ${WAIT_MS}`);
  lock.run('BEGIN EXCLUSIVE');
  if (isComplete()) return;
  const options = ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress', '--no-summary'];
  const { exitCode, output } = await runTool([process.execPath, ...options], FOLDER);
  if (exitCode !== 0) {
    throw new Error(
      `The packages of stacks/ could not be installed: ${errorLine(output)}. Check that the npm registry can be reached, then run it again.`,
    );
  }
  writeFileSync(COMPLETE, wanted);
}
