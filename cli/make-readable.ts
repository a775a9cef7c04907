import { chmod, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

const READ = 0o444;
const EXECUTE = 0o111;

/** What `chmod -R a+rX` does: everyone may read, and execute what the owner may. Links are left alone. */
export const makeReadable = async (root: string): Promise<void> => {
  const stats = await lstat(root);
  if (stats.isSymbolicLink()) return;
  const executable = stats.isDirectory() || (stats.mode & 0o100) !== 0;
  const mode = (stats.mode & 0o7777) | READ | (executable ? EXECUTE : 0);
  if (mode !== (stats.mode & 0o7777)) await chmod(root, mode);
  if (!stats.isDirectory()) return;
  for (const name of await readdir(root)) await makeReadable(path.join(root, name));
};
