import { join } from 'node:path';
import { installPackages } from './install-packages.ts';

const FOLDER = join(import.meta.dirname, '../stacks');

let installing: Promise<void> | undefined;

/** Installs what only the stacks need (stacks/package.json: 440 MB on disk) unless it is there. Throws Error. */
export function installStackPackages(): Promise<void> {
  installing ??= installPackages(FOLDER);
  return installing;
}
