import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { errorLine, runTool } from './run-tool.ts';

/**
 * Installs what a manifest folder (package.json, bun.lock) pins into an empty folder, with this process's
 * own Bun. Scripts of packages are not run. Answers with what is wrong, or null.
 */
export const installFromNpm = async (
  manifest: string,
  folder: string,
  onProgress: (line: string) => void,
): Promise<string | null> => {
  for (const name of ['package.json', 'bun.lock']) {
    await copyFile(path.join(manifest, name), path.join(folder, name));
  }
  onProgress('downloading from the npm registry');
  const options = ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress', '--no-summary'];
  const { exitCode, output } = await runTool([process.execPath, ...options], folder);
  if (exitCode === 0) return null;
  return `${errorLine(output)}. Check that the npm registry can be reached, then run it again.`;
};
