import { accessSync, constants } from 'node:fs';

/** The machine's own programs that make up the launcher chain and its helpers. */
const TOOL_NAMES = [
  'choom',
  'env',
  'find',
  'ipcrm',
  'nice',
  'prlimit',
  'ps',
  'setpriv',
  'sh',
  'unshare',
] as const;

export type ToolName = (typeof TOOL_NAMES)[number];
export type Tools = Readonly<Partial<Record<ToolName, string>>>;

/**
 * Fixed places, never PATH: the chain starts as root, and nobody but the machine's administrator writes here.
 */
const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** Absolute paths of the tools that this machine has. */
export function findTools(): Tools {
  const found: Partial<Record<ToolName, string>> = {};
  for (const name of TOOL_NAMES) {
    const path = FOLDERS.map((folder) => `${folder}/${name}`).find(isExecutable);
    if (path !== undefined) found[name] = path;
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
