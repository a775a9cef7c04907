import { randomUUID } from 'node:crypto';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asTenantArgv, tool } from './chain.ts';
import { runHelper } from './helper.ts';
import type { Isolation } from './isolation.ts';

const TIMEOUT_MS = 10_000;

/**
 * What one tenant of this machine can reach that is not its own, found out by trying: another tenant's private
 * folder, and the environment of this process, which has the platform's credentials. Empty when all is well, and
 * at levels where tenants have no uid of their own. To be called in turn (turn.ts).
 */
export async function neighbourProblems(
  isolation: Isolation,
  { jobsRoot: root }: { readonly jobsRoot: string },
): Promise<string[]> {
  if (isolation.level !== 'uid') return [];
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
