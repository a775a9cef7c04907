import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type } from 'arktype';

/** `.outpost/credentials.json`: what a newcomer and their tools need to talk to the system. Mode 0600. */
export const Credentials = type({
  url: 'string',
  admin_key: 'string',
  tenant_id: 'string',
  api_key: 'string',
  agent: 'string',
  aws: { endpoint: 'string', access_key_id: 'string', secret_access_key: 'string' },
});
export type Credentials = typeof Credentials.infer;

const fileOf = (dataDir: string): string => join(dataDir, 'credentials.json');

/** The file of an earlier start; undefined when there is none, or none that can be read. */
export function loadCredentials(dataDir: string): Credentials | undefined {
  const file = fileOf(dataDir);
  if (!existsSync(file)) return undefined;
  const parsed = type('string.json.parse').to(Credentials)(readFileSync(file, 'utf8'));
  return parsed instanceof type.errors ? undefined : parsed;
}

/** Written beside and renamed, so that a crash leaves the old file or the new one. */
export function saveCredentials(dataDir: string, credentials: Credentials): void {
  const draft = `${fileOf(dataDir)}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600, flush: true });
  chmodSync(draft, 0o600);
  renameSync(draft, fileOf(dataDir));
}
