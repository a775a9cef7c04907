import { chmodSync, chownSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cleanup } from '../measure/cleanup.ts';
import { type Process, startCommand } from '../measure/start-process.ts';
import { until } from '../measure/until.ts';

export type Postgres =
  | {
      readonly kind: 'ready';
      readonly process: Process;
      readonly socketFolder: string;
      readonly version: string;
    }
  | { readonly kind: 'missing'; readonly reason: string };

/** Where Debian puts what is no client: not on the PATH. */
const DEBIAN = '/usr/lib/postgresql';
/** PostgreSQL refuses to run as root; nobody owns nothing else. */
const NOBODY = 65_534;

/**
 * PostgreSQL in a new cluster with its defaults, which are durable (fsync and synchronous_commit on), reachable
 * only through a socket in its folder.
 */
export async function startPostgres(cleanup: Cleanup, folder: string): Promise<Postgres> {
  const bin = findBin();
  if (bin === undefined) {
    return { kind: 'missing', reason: 'PostgreSQL is not installed (apt-get install postgresql)' };
  }
  const isRoot = process.getuid?.() === 0;
  if (isRoot && Bun.which('setpriv') === null) {
    return { kind: 'missing', reason: 'PostgreSQL does not run as root, and setpriv is not installed' };
  }
  mkdirSync(folder);
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  chmodSync(folder, 0o700);
  const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
  const unprivileged = isRoot ? asNobody : [];
  const data = join(folder, 'data');
  const initdb = Bun.spawnSync(
    [...unprivileged, join(bin, 'initdb'), '-D', data, '-U', 'bench', '-A', 'trust'],
    {
      cwd: folder,
      stderr: 'pipe',
    },
  );
  if (initdb.exitCode !== 0) throw new Error(`initdb failed: ${initdb.stderr.toString()}`);
  const options = ['-c', 'listen_addresses=', '-c', 'max_connections=100', '-k', folder];
  const server = startCommand([...unprivileged, join(bin, 'postgres'), '-D', data, ...options], {
    logFile: join(folder, 'postgres.log'),
  });
  cleanup.add(() => server.stop());
  const isReady = [join(bin, 'pg_isready'), '-h', folder, '-U', 'bench', '-q'];
  await until(`PostgreSQL in ${folder}`, () => Bun.spawnSync(isReady).exitCode === 0);
  const version = Bun.spawnSync([join(bin, 'postgres'), '--version']).stdout.toString();
  return {
    kind: 'ready',
    process: server,
    socketFolder: folder,
    version: /(\d+(\.\d+)*)/.exec(version)?.[1] ?? 'unknown',
  };
}

/** The folder of initdb and postgres: on the PATH, else Debian's newest. */
function findBin(): string | undefined {
  const found = Bun.which('initdb');
  if (found !== null && Bun.which('postgres') !== null) return dirname(realpathSync(found));
  let versions: string[];
  try {
    versions = readdirSync(DEBIAN);
  } catch {
    // Debian's PostgreSQL is not installed.
    return undefined;
  }
  const newest = versions.toSorted((a, b) => Number(a) - Number(b)).at(-1);
  return newest === undefined ? undefined : join(DEBIAN, newest, 'bin');
}
