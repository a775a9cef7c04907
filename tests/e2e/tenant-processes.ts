import { readdirSync, readFileSync } from 'node:fs';

/**
 * Linux: the living processes of a job, by the tenant's uid where it has one, else by the job's marker. The
 * worker's own helpers, which wipe as the tenant, are not among them.
 */

export const commandsOf = (target: { uid: number | null; jobId: string }): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => (target.uid === null ? isMarked(pid, target.jobId) : hasUid(pid, target.uid)))
    .filter((pid) => !isHelper(pid))
    .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim())
    // A zombie has no command line.
    .filter((command) => command !== '');

const hasUid = (pid: string, uid: number): boolean =>
  new RegExp(`^Uid:.*\\b${uid}\\b`, 'm').test(read(`/proc/${pid}/status`));

const isMarked = (pid: string, jobId: string): boolean =>
  read(`/proc/${pid}/environ`).split('\0').includes(`OUTPOST_JOB_ID=${jobId}`);

/** runHelper gives its commands this environment; an agent has a HOME and more. */
const isHelper = (pid: string): boolean => read(`/proc/${pid}/environ`) === 'LC_ALL=C\0';

/** Processes end while they are looked at, and other users' may not be read: neither is one of the job's. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
