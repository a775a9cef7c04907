import { existsSync, readFileSync } from 'node:fs';

import { LaunchError } from './error.ts';

/** The uids that belong to tenants, both ends included. Nothing outside it is ever started or killed by uid. */
export type UidRange = { readonly first: number; readonly last: number };

/** System and human accounts live below this on all distributions that follow login.defs. */
const LOWEST_TENANT_UID = 10_000;
/** Some tools keep uids in 32 signed bits. */
const HIGHEST_TENANT_UID = 2_147_483_646;

/** Throws LaunchError `uid_refused` when the range could hold accounts of the machine, whatever /etc says. */
export function assertUidRange({ first, last }: UidRange): void {
  const whole = Number.isSafeInteger(first) && Number.isSafeInteger(last);
  if (!whole || last < first || first < LOWEST_TENANT_UID || last > HIGHEST_TENANT_UID) {
    throw new LaunchError(
      'uid_refused',
      `tenants' uids must lie within ${LOWEST_TENANT_UID}-${HIGHEST_TENANT_UID}, not ${first}-${last}`,
    );
  }
}

/** Throws LaunchError `uid_refused` unless the uid is a tenant's: the guard before every start and kill by uid. */
export function assertTenantUid(uid: number, range: UidRange): void {
  const first = Math.max(range.first, LOWEST_TENANT_UID);
  const last = Math.min(range.last, HIGHEST_TENANT_UID);
  if (!Number.isSafeInteger(uid) || uid < first || uid > last) {
    throw new LaunchError(
      'uid_refused',
      `uid ${uid} is outside the tenant range ${range.first}-${range.last}`,
    );
  }
}

/**
 * Whose uids the range would take, in words, or null: accounts of /etc/passwd, and the uids that /etc/subuid
 * gives to people's containers. A kill by uid would hit their processes.
 */
export function rangeOwner(range: UidRange, folder = '/etc'): string | null {
  const overlaps = (first: number, count: number): boolean =>
    first <= range.last && first + count - 1 >= range.first;
  for (const [name, , uid] of rows(`${folder}/passwd`)) {
    if (overlaps(Number(uid), 1)) return `uid ${uid} is the account ${name}`;
  }
  for (const [name, first, count] of rows(`${folder}/subuid`)) {
    if (overlaps(Number(first), Number(count))) return `/etc/subuid gives uids from ${first} to ${name}`;
  }
  return null;
}

function rows(path: string): string[][] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}
