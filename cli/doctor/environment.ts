import { VARIABLES } from '../../shared/env.ts';
import type { SettingsError } from '../../stacks/settings.ts';
import type { Finding } from './checks.ts';

/** What commands and tests read besides the processes' own variables. */
const OTHERS = [
  'OUTPOST_ACCOUNT_ID',
  'OUTPOST_SETTINGS',
  'OUTPOST_LOCAL_FUNCTIONS_URL',
  'OUTPOST_LOCAL_TASKS_URL',
];

/**
 * Variables that begin with OUTPOST_ and that nobody reads: a misspelt name is a setting that silently does not
 * hold.
 */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): Finding[] {
  const known = new Set([...Object.keys(VARIABLES), ...OTHERS]);
  return Object.keys(env)
    .filter((name) => name.startsWith('OUTPOST_') && !name.startsWith('OUTPOST_TEST_') && !known.has(name))
    .toSorted()
    .map((name) => ({
      what: name,
      ok: false,
      detail: 'is set, but nothing reads a variable of this name',
      remedy: 'correct the name (shared/env.ts has them all), or unset it',
    }));
}

/** Settings that are none. The message names every field that is wrong. */
export const settingsProblem = ({ message }: SettingsError): Finding => ({
  what: 'Settings',
  ok: false,
  detail: message,
  remedy: 'correct OUTPOST_ENV, OUTPOST_ACCOUNT_ID or the settings file (stacks/settings.ts has every range)',
});
