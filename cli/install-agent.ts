import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { type Resolution, platformKeys, resolveExecutable } from '../worker/agents/installed.ts';
import { createAgentRegistry } from '../worker/agents/registry.ts';
import type { AgentRow } from '../worker/agents/row.ts';
import { makeReadable } from './make-readable.ts';
import { installFromNpm } from './install-npm.ts';
import { installFromPypi } from './install-pypi.ts';
import { unpackBrotli } from './unpack-brotli.ts';

/**
 * Installs a pinned agent CLI. The layout under the data folder:
 *
 *     agents/.store/<id>-<digest>/   an install, complete from the moment it has this name
 *     agents/<id>                    a symbolic link to the one in use, replaced atomically
 *     agents/.tmp-<pid>-<random>/    an install at work
 *
 * The digest covers manifest, lockfile and platform, so processes that install at once meet in one name
 * with one content, and an older install stays for whoever still runs it.
 */

export type InstallResult =
  | { readonly ok: true; readonly executable: string; readonly fresh: boolean }
  | { readonly ok: false; readonly message: string };

const MANIFESTS = path.join(import.meta.dirname, '..', 'worker', 'agents');

/** The folder that resolveExecutable looks in. */
export const installRootOf = (dataDir: string): string => path.resolve(dataDir, 'agents');

const manifestFolder = (row: AgentRow): string => path.join(MANIFESTS, row.install, row.id);

const digestOf = async (row: AgentRow): Promise<string> => {
  const hash = createHash('sha256').update(
    JSON.stringify([row.exec, row.unpack, process.platform, process.arch, process.version]),
  );
  const folder = manifestFolder(row);
  for (const name of (await readdir(folder)).toSorted()) {
    hash.update(`\0${name}\0`).update(await readFile(path.join(folder, name)));
  }
  return hash.digest('hex').slice(0, 16);
};

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EINVAL');

const linkTarget = async (link: string): Promise<string | null> => {
  try {
    return await readlink(link);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/** Removes what installers that were killed have left. */
const removeAbandoned = async (root: string): Promise<void> => {
  for (const name of await readdir(root)) {
    const pid = /^\.tmp-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) {
      await rm(path.join(root, name), { recursive: true, force: true });
    }
  }
};

/** Moves a finished install to its final name; another process may have been first with the same content. */
const publish = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to);
  } catch (error) {
    const taken =
      error instanceof Error && 'code' in error && ['ENOTEMPTY', 'EEXIST'].includes(String(error.code));
    if (!taken) throw error;
  }
};

const pointTo = async (root: string, id: string, store: string): Promise<void> => {
  const link = path.join(root, `.link-${process.pid}-${randomUUID()}`);
  await symlink(store, link);
  await rename(link, path.join(root, id));
};

const unpack = async (row: AgentRow, folder: string): Promise<string | null> => {
  if (row.unpack === null) return null;
  const archives = row.unpack;
  const target = platformKeys({ os: process.platform, arch: process.arch }).flatMap(
    (key) => row.exec[key] ?? [],
  )[0];
  const archive = platformKeys({ os: process.platform, arch: process.arch }).flatMap(
    (key) => archives[key] ?? [],
  )[0];
  if (target === undefined || archive === undefined)
    return `it has no build for ${process.platform}-${process.arch}`;
  return unpackBrotli(path.join(folder, archive), path.join(folder, target));
};

/** Fills an empty folder; answers with what is wrong, or null. */
const fill = async (
  row: AgentRow,
  folder: string,
  onProgress: (line: string) => void,
): Promise<string | null> => {
  const problem =
    row.install === 'npm'
      ? await installFromNpm(manifestFolder(row), folder, onProgress)
      : await installFromPypi(manifestFolder(row), folder, onProgress);
  return problem ?? (await unpack(row, folder));
};

const failure = (id: string, problem: string): InstallResult => ({
  ok: false,
  message: `${id} could not be installed: ${problem}`,
});

const result = (resolution: Resolution, fresh: boolean): InstallResult =>
  resolution.found
    ? { ok: true, executable: resolution.executable, fresh }
    : { ok: false, message: resolution.message };

const installRow = async (
  row: AgentRow,
  root: string,
  onProgress: (line: string) => void,
): Promise<InstallResult> => {
  const store = path.join('.store', `${row.id}-${await digestOf(row)}`);
  const existing = await resolveExecutable(row, root);
  if (existing.found && (await linkTarget(path.join(root, row.id))) === store) return result(existing, false);
  await mkdir(path.join(root, '.store'), { recursive: true });
  await removeAbandoned(root);
  const work = path.join(root, `.tmp-${process.pid}-${randomUUID()}`);
  await mkdir(work);
  try {
    const problem = await fill(row, work, onProgress);
    if (problem !== null) return failure(row.id, problem);
    // An agent runs as the tenant's user, not as the one who installs.
    await makeReadable(work);
    await publish(work, path.join(root, store));
    await pointTo(root, row.id, store);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const resolution = await resolveExecutable(row, root);
  if (resolution.found) return result(resolution, true);
  return failure(row.id, `its lockfile has no build for ${process.platform}-${process.arch}`);
};

/**
 * Installs the pinned CLI of an agent under `dataDir`; instant when it is there. `onProgress` gets one line
 * a step. Never throws for what a network or a missing tool does: the message is one line with the remedy.
 */
export const installAgent = async (
  id: string,
  dataDir: string,
  onProgress: (line: string) => void,
): Promise<InstallResult> => {
  const row = createAgentRegistry().findAgent(id);
  if (row === null) return { ok: false, message: `there is no agent "${id}"` };
  const root = installRootOf(dataDir);
  if (row.install === 'none') return result(await resolveExecutable(row, root), false);
  await mkdir(root, { recursive: true });
  return installRow(row, root, onProgress);
};
