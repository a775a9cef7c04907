import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Isolation, type IsolationLevel, probeIsolation } from '../../../worker/launcher/isolation.ts';
import type { LaunchSpec } from '../../../worker/launcher/launch.ts';

/** Tenant uids of the tests, apart from those that a worker on this machine may be using. */
export const TEST_UIDS = { first: 2_090_000_000, last: 2_090_999_999 };

let used = 0;

/** A tenant uid that no other test of this process uses; processes of `bun test` differ by their pid. */
export function freshUid(): number {
  used += 1;
  return TEST_UIDS.first + (process.pid % 9_000) * 100 + (used % 100);
}

export async function forcedIsolation(forced: IsolationLevel): Promise<Isolation> {
  return probeIsolation({ workspacesRoot: tmpdir(), executableRoots: ['/usr/bin'], forced, uids: TEST_UIDS });
}

/** The level, or null where this machine does not offer it; then it prints why, so that no skip is silent. */
export async function isolationOrReason(forced: IsolationLevel): Promise<Isolation | null> {
  try {
    return await forcedIsolation(forced);
  } catch (error) {
    console.log(
      `skipped: isolation level ${forced}: ${error instanceof Error ? error.message : String(error)}`,
    );
    return null;
  }
}

/** A shell script as an agent. */
export function shellSpec(script: string, overrides: Partial<LaunchSpec> = {}): LaunchSpec {
  return {
    argv: ['/bin/sh', '-c', script],
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
    stdin: null,
    uid: null,
    jobId: `job-${crypto.randomUUID()}`,
    limits: { processes: 200, openFiles: 256, fileSizeBytes: 16 * 1024 * 1024 },
    ...overrides,
  };
}

/** A folder that every uid may enter, removed by the returned function. */
export function openFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'outpost-launcher-'));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** How long a test waits for what must come: patience with a busy machine, and no promise of the product. */
export const PATIENCE_MS = 60_000;

/** For a test that waits more than once. */
export const LONG_TEST_MS = 5 * PATIENCE_MS;

/** Waits until the condition holds; fails after `timeoutMs`. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so after ${timeoutMs} ms`);
    await Bun.sleep(20);
  }
}
