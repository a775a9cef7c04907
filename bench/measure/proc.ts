import { readdirSync, readFileSync } from 'node:fs';

/** What Linux says of a process. Every function throws where there is no /proc or no such process. */

/** The unit of times in /proc, on every Linux that Bun runs on (sysconf _SC_CLK_TCK). */
const TICK_MS = 10;

/** Processor time of a process and of its living descendants, in milliseconds. */
export function cpuMs(pid: number): number {
  return cpuMsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'), pid);
}

/** Of a process that may have ended since it was listed, and then was waited for by its parent: none. */
function cpuMsOfChild(pid: number): number {
  try {
    return cpuMs(pid);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return 0;
    throw error;
  }
}

function cpuMsOf(stat: string, pid: number): number {
  // The name, in brackets, may hold spaces; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  return childrenOf(pid).reduce((sum, child) => sum + cpuMsOfChild(child), own);
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
      .split(' ')
      .filter((child) => child !== '')
      .map(Number),
  );
}

const status = (pid: number, field: 'VmRSS' | 'VmHWM'): number => {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (line?.[1] === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
  return Number(line[1]) / 1024;
};

/** Resident memory in MiB. */
export const rssMib = (pid: number): number => status(pid, 'VmRSS');

/** The most resident memory that a process ever had, in MiB. */
export const peakRssMib = (pid: number): number => status(pid, 'VmHWM');
