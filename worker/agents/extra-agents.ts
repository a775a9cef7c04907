import { readFile } from 'node:fs/promises';

/**
 * The parsed JSON of an extra-agents file, for createAgentRegistry; an empty list without a file.
 * Throws an Error that names the file when it cannot be read or is not JSON.
 */
export const readExtraAgents = async (file: string | undefined): Promise<unknown> => {
  if (file === undefined || file === '') return [];
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`OUTPOST_EXTRA_AGENTS_FILE ${file} cannot be read`, { cause: error });
  }
};
