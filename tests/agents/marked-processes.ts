import { readFile, readdir } from 'node:fs/promises';

/** Linux: finds the processes of one test by a variable in their environment, wherever they have moved. */

export type MarkedProcess = { readonly pid: number; readonly command: string };

const read = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch {
    // A process that has just ended, or is not ours to read, is not marked.
    return '';
  }
};

export const markedProcesses = async (marker: string): Promise<MarkedProcess[]> => {
  const found: MarkedProcess[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    if (!(await read(`/proc/${name}/environ`)).includes(marker)) continue;
    const command = (await read(`/proc/${name}/cmdline`)).replaceAll('\0', ' ').trim();
    if (command !== '') found.push({ pid: Number(name), command });
  }
  return found;
};

/** Kills every marked process until none is left. Throws after ten rounds. */
export const killMarked = async (marker: string): Promise<void> => {
  for (let round = 0; round < 10; round += 1) {
    const alive = await markedProcesses(marker);
    if (alive.length === 0) return;
    for (const { pid } of alive) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }
    await Bun.sleep(50);
  }
  throw new Error(`processes marked ${marker} do not die`);
};
