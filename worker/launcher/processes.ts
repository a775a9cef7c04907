import { readFileSync, readdirSync } from 'node:fs';

import { runHelper } from './helper.ts';
import { type Tools } from './tools.ts';

export type ProcessInfo = { readonly pid: number; readonly parent: number };

/** The variable that marks every process of a job where no uid of its own tells it apart. */
export const JOB_MARKER = 'OUTPOST_JOB_ID';

const LIST_TIMEOUT_MS = 5_000;

/** The living processes with any of their uids equal to `uid`, read from /proc (Linux). */
export function processesOfUid(uid: number): ProcessInfo[] {
  return allProcesses().filter((info) => info.uids.includes(uid));
}

/** Every uid that has a living process. */
export function uidsWithProcesses(): number[] {
  return [...new Set(allProcesses().flatMap(({ uids }) => uids))];
}

/**
 * The living processes that carry the job's marker in the environment they were started with, and all their
 * descendants. A process that cleared its environment and left its parents behind is not found: that is why
 * the level `process` is the weakest.
 */
export async function processesOfJob(jobId: string, tools: Tools): Promise<ProcessInfo[]> {
  if (process.platform === 'linux') {
    const all = allProcesses();
    const entry = `\0${JOB_MARKER}=${jobId}\0`;
    return withDescendants(all, (info) => `\0${readText(`/proc/${info.pid}/environ`)}`.includes(entry));
  }
  if (tools.ps === undefined) return [];
  const { stdout } = await runHelper([tools.ps, 'axeww', '-o', 'pid=,ppid=,command='], {
    timeoutMs: LIST_TIMEOUT_MS,
  });
  return markedInPsOutput(stdout, jobId);
}

/** The living descendants of a living process, in /proc (Linux). */
export function descendantsOf(pid: number): ProcessInfo[] {
  return withDescendants(allProcesses(), (info) => info.pid === pid).filter((info) => info.pid !== pid);
}

/** Reads `ps axeww -o pid=,ppid=,command=`, where the environment follows the arguments (macOS, BSD). */
export function markedInPsOutput(output: string, jobId: string): ProcessInfo[] {
  const rows = output.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return match === null ? [] : [{ pid: Number(match[1]), parent: Number(match[2]), text: match[3] ?? '' }];
  });
  const entry = `${JOB_MARKER}=${jobId}`;
  return withDescendants(rows, (row) => row.text.split(' ').includes(entry));
}

function withDescendants<T extends ProcessInfo>(all: T[], marked: (info: T) => boolean): T[] {
  const found = new Map(all.filter(marked).map((info) => [info.pid, info]));
  for (let grew = true; grew;) {
    grew = false;
    for (const info of all) {
      if (found.has(info.pid) || !found.has(info.parent)) continue;
      found.set(info.pid, info);
      grew = true;
    }
  }
  found.delete(process.pid);
  return [...found.values()];
}

function allProcesses(): (ProcessInfo & { uids: number[] })[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const status = readText(`/proc/${name}/status`);
    const state = /^State:\s+(\S)/m.exec(status)?.[1];
    if (state === undefined || !isAlive(name, state)) return [];
    const uids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/).map(Number) ?? [];
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
    return [{ pid: Number(name), parent, uids }];
  });
}

/** A process is a zombie once its first thread has ended; others of its threads may live on. */
function isAlive(pid: string, state: string): boolean {
  if (state === 'X') return false;
  if (state !== 'Z') return true;
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** Processes end while they are looked at, and other users' may not be read: both are an empty text. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
