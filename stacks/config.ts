import { existsSync, readFileSync } from 'node:fs';
import { type EnvironmentName, type Settings, SettingsError, settingsOf } from './settings.ts';

const ENVIRONMENTS: readonly EnvironmentName[] = ['dev', 'staging', 'prod'];

/**
 * The settings that this synthesis is for: OUTPOST_ENV names the environment (dev when unset), and the JSON
 * file outpost.<env>.json (or the one that OUTPOST_SETTINGS names) what differs from its defaults. The account
 * comes from that file or from OUTPOST_ACCOUNT_ID. Throws SettingsError.
 */
export function readSettings(): Settings {
  const name = process.env['OUTPOST_ENV'] || 'dev';
  const environment = ENVIRONMENTS.find((each) => each === name);
  if (environment === undefined) {
    throw new SettingsError(`OUTPOST_ENV must be one of ${ENVIRONMENTS.join(', ')}`);
  }
  const named = process.env['OUTPOST_SETTINGS'];
  const file = named || `outpost.${environment}.json`;
  const account = process.env['OUTPOST_ACCOUNT_ID'];
  return settingsOf(environment, {
    ...(account ? { accountId: account } : {}),
    ...(named || existsSync(file) ? readOverrides(file) : {}),
  });
}

function readOverrides(file: string): Record<string, unknown> {
  if (!existsSync(file)) throw new SettingsError(`The settings file ${file} does not exist`);
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SettingsError(`The settings file ${file} must hold a JSON object`);
  }
  return { ...value };
}
