import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type } from 'arktype';
import type { Credentials } from './sigv4.ts';

const storedCredentials = type({ accessKeyId: 'string >= 3', secretAccessKey: 'string >= 8' });

/**
 * The key pair of a data folder: made with the operating system's randomness the first time, then read from
 * `credentials.json` (mode 0600). Throws Error when that file does not hold one.
 */
export function loadCredentials(folder: string): Credentials {
  const file = join(folder, 'credentials.json');
  return existsSync(file) ? read(file) : create(file);
}

function read(file: string): Credentials {
  chmodSync(file, 0o600);
  const parsed = storedCredentials(JSON.parse(readFileSync(file, 'utf8')));
  if (parsed instanceof type.errors) throw new Error(`${file} is not a key pair: ${parsed.summary}`);
  return parsed;
}

function create(file: string): Credentials {
  const credentials = {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
  };
  // Renamed into place: a crash never leaves half a file.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(draft, file);
  return credentials;
}
