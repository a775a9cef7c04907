import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import type { AgentRow } from './row.ts';

export type Platform = { readonly os: string; readonly arch: string };

const HERE: Platform = { os: process.platform, arch: process.arch };

/** An absolute path that exists, or why there is none, in one line with the remedy. */
export type Resolution =
  | { readonly found: true; readonly executable: string }
  | { readonly found: false; readonly code: 'agent_missing'; readonly message: string };

/** The keys of a per-platform table that fit, best first; on Linux the C library is not asked but tried. */
export const platformKeys = ({ os, arch }: Platform): readonly string[] => {
  const key = `${os}-${arch}`;
  return os === 'linux' ? [key, `${key}-musl`, 'any'] : [key, 'any'];
};

const isUsable = async (file: string, mode: number): Promise<boolean> => {
  try {
    await access(file, mode);
    return true;
  } catch {
    // Any reason not to run it (absent, not executable, not readable) is the same answer.
    return false;
  }
};

const remedy = (row: AgentRow, wanted: readonly string[], { os, arch }: Platform): string => {
  if (wanted.length === 0) return `${row.id} has no build for ${os}-${arch}`;
  if (row.install === 'none') {
    return `${row.id} is not on this machine: ${wanted.join(', ')} is missing or not executable`;
  }
  return `${row.id} is not installed: run \`bun run agents ${row.id}\``;
};

/**
 * Where an agent's executable is under `installRoot` (the folder that holds one folder an agent).
 * Scripts that Bun runs need only be readable.
 */
export const resolveExecutable = async (
  row: AgentRow,
  installRoot: string,
  platform: Platform = HERE,
): Promise<Resolution> => {
  const wanted = platformKeys(platform).flatMap((key) => row.exec[key] ?? []);
  const mode = row.bunOptions === null ? constants.X_OK : constants.R_OK;
  for (const relative of wanted) {
    const executable = path.resolve(installRoot, row.id, relative);
    if (await isUsable(executable, mode)) return { found: true, executable };
  }
  const message = remedy(row, wanted, platform);
  return { found: false, code: 'agent_missing', message };
};
