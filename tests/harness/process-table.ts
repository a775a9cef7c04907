import { readdirSync, readFileSync } from 'node:fs';

type ProcessRow = { readonly pid: number; readonly parent: number; readonly isAlive: boolean };

/** A process and its living descendants. */
export function treeOf(root: number): number[] {
  const rows = processTable().filter(({ isAlive }) => isAlive);
  const tree = new Set([root]);
  for (let size = 0; size < tree.size;) {
    size = tree.size;
    for (const { pid, parent } of rows) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree];
}

/**
 * Those of the processes that live. A zombie does not: it runs no more, and how soon its number is free is up
 * to whoever reaps it, for orphans the machine's init.
 */
export function livingOf(pids: readonly number[]): number[] {
  const living = new Set(processTable().flatMap(({ pid, isAlive }) => (isAlive ? [pid] : [])));
  return pids.filter((pid) => living.has(pid));
}

/** /proc on Linux, whose slim images have no ps; elsewhere ps. */
function processTable(): ProcessRow[] {
  if (process.platform === 'linux') return readdirSync('/proc').flatMap(readStat);
  const { stdout } = Bun.spawnSync(['ps', '-axo', 'pid=,ppid=,stat=']);
  return stdout
    .toString()
    .split('\n')
    .flatMap((line) => {
      const [pid, parent, state] = line.trim().split(/\s+/);
      if (state === undefined) return [];
      return [{ pid: Number(pid), parent: Number(parent), isAlive: !state.startsWith('Z') }];
    });
}

/** `<pid> (<name>) <state> <parent> ...`, proc_pid_stat(5); the name may hold anything. */
function readStat(name: string): ProcessRow[] {
  if (!/^\d+$/.test(name)) return [];
  const text = readText(`/proc/${name}/stat`);
  const [state, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (state === undefined || parent === undefined) return [];
  // The first thread of a process may have ended before the others.
  const threads = Number(rest[THREADS]);
  return [{ pid: Number(name), parent: Number(parent), isAlive: state !== 'Z' || threads > 1 }];
}

/** num_threads, counted after state and parent. */
const THREADS = 15;

/** A process that ends while it is looked at is an empty text. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
