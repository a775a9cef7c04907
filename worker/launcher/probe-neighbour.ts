import { randomUUID } from 'node:crypto';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockUidWithin } from '../workspace/lock.ts';
import { asTenantArgv, tool } from './chain.ts';
import { LaunchError } from './error.ts';
import { runHelper } from './helper.ts';
import type { Isolation } from './isolation.ts';

const TIMEOUT_MS = 10_000;
/** As many workers of one machine as start at once take turns. */
const TURN_MS = 60_000;

/**
 * What one tenant of this machine can reach that is not its own, found out by trying: another tenant's private
 * folder, and the environment of this process, which has the platform's credentials. Empty when all is well, and
 * at levels where tenants have no uid of their own. Holds the lock on the uid that owns the folder, or another
 * worker that starts would take it for the leftovers of a job. Throws LaunchError `isolation_unavailable` when
 * that lock is never free.
 */
export async function neighbourProblems(
  isolation: Isolation,
  roots: { readonly jobsRoot: string; readonly locksRoot: string },
): Promise<string[]> {
  if (isolation.level !== 'uid') return [];
  const owner = isolation.uids.last;
  const unlock = await lockUidWithin(roots.locksRoot, owner, TURN_MS);
  if (unlock === null)
    throw new LaunchError('isolation_unavailable', `uid ${owner} is never free to be tried`);
  try {
    return await tryNeighbours(isolation, roots.jobsRoot);
  } finally {
    unlock();
  }
}

async function tryNeighbours(isolation: Isolation, root: string): Promise<string[]> {
  const { first: stranger, last: owner } = isolation.uids;
  const folder = join(root, `probe-${process.pid}-${randomUUID()}`);
  const file = join(folder, 'private');
  try {
    await mkdir(folder, { mode: 0o700 });
    await writeFile(file, 'private', { mode: 0o600 });
    await chown(file, owner, owner);
    await chown(folder, owner, owner);
    const reads = async (uid: number, path: string): Promise<boolean> => {
      const { tools } = isolation;
      const argv = [tool(tools, 'sh'), '-c', 'read -r line < "$1" || [ -n "$line" ]', 'sh', path];
      const asTenant = asTenantArgv(isolation, uid, { dieWithParent: true });
      return (await runHelper([...asTenant, ...argv], { timeoutMs: TIMEOUT_MS })).exitCode === 0;
    };
    const problems: string[] = [];
    if (!(await reads(owner, file)))
      problems.push('a tenant cannot read its own file: the probe shows nothing');
    if (await reads(stranger, file)) problems.push('a tenant can read a file of another');
    if (await reads(stranger, `/proc/${process.pid}/environ`)) {
      problems.push('a tenant can read the environment of the worker');
    }
    return problems;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
