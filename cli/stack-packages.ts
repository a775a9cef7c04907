import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorLine, runTool } from './run-tool.ts';

const FOLDER = join(import.meta.dirname, '../stacks');

let installing: Promise<void> | undefined;

/**
 * Installs what only the stacks need (stacks/package.json: 440 MB on disk) unless it is there, so that the first
 * install on a machine does without. Throws Error with the remedy where the registry cannot be reached.
 */
export function installStackPackages(): Promise<void> {
  installing ??= install();
  return installing;
}

async function install(): Promise<void> {
  const complete = ['@cdktf/provider-aws', 'cdktf', 'constructs'].every((name) =>
    existsSync(join(FOLDER, 'node_modules', name, 'package.json')),
  );
  if (complete) return;
  const options = ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress', '--no-summary'];
  const { exitCode, output } = await runTool([process.execPath, ...options], FOLDER);
  if (exitCode === 0) return;
  throw new Error(
    `The packages of stacks/ could not be installed: ${errorLine(output)}. Check that the npm registry can be reached, then run it again.`,
  );
}
