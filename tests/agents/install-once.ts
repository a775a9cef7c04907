import { Database } from 'bun:sqlite';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { installAgent } from '../../cli/install-agent.ts';
import type { AgentRow } from '../../worker/agents/row.ts';

/** Where all tests share their installs, in the shape of a data folder. */
export const AGENTS_CACHE = path.join(
  import.meta.dirname,
  '..',
  '..',
  'node_modules',
  '.cache',
  'outpost-agents',
);

export type InstalledAgent = { readonly row: AgentRow; readonly executable: string };

/** What this machine lacks for an install. Anything else that goes wrong is ours, and fails the tests. */
const NOT_OURS = [
  /needs Python/,
  /python3-venv/,
  // No index answered; a version that is gone from one that does answer is listed otherwise.
  /from versions: none/,
];

const LOCK_PAUSE_MS = 200;

/**
 * The real CLI of an agent, from the cache or freshly installed; null where this machine cannot install it, with
 * the reason printed. Of several test processes one installs, and the others wait for it: aider takes minutes.
 * Throws when an install fails that should not.
 */
export const installOnce = async (row: AgentRow): Promise<InstalledAgent | null> => {
  const unlock = await lock(row.id);
  try {
    const result = await installAgent(row.id, AGENTS_CACHE, () => undefined);
    if (result.ok) return { row, executable: result.executable };
    const excused = row.install === 'npm' || NOT_OURS.some((reason) => reason.test(result.message));
    if (!excused) throw new Error(result.message);
    console.log(`SKIPPED ${result.message}`);
    return null;
  } finally {
    unlock();
  }
};

/** The operating system's lock on a SQLite file, which also the death of its holder frees. */
const lock = async (id: string): Promise<() => void> => {
  mkdirSync(AGENTS_CACHE, { recursive: true });
  for (;;) {
    const file = new Database(path.join(AGENTS_CACHE, `${id}.lock`), { create: true });
    try {
      file.run('BEGIN EXCLUSIVE');
      return () => file.close();
    } catch (error) {
      file.close();
      if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw error;
    }
    await Bun.sleep(LOCK_PAUSE_MS);
  }
};
