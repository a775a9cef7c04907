import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Isolation } from '../../../worker/launcher/isolation.ts';
import { launch } from '../../../worker/launcher/launch.ts';
import { type JobFolders, prepareFolders, wipeAfterJob } from '../../../worker/workspace/workspace.ts';
import { freshUid, isolationOrReason, openFolder, shellSpec } from '../launcher/probe.ts';

export const data = openFolder();
export const SECRET = `platform-secret-${crypto.randomUUID()}`;

const found = await isolationOrReason('uid');
/** The suite needs root; without it every test is skipped, with the reason printed by isolationOrReason. */
export const canAttack = found !== null;

export type Tenant = {
  readonly root: string;
  readonly tenantId: string;
  readonly workspace: string;
  readonly uid: number;
};

export function isolation(): Isolation {
  if (found === null) throw new Error('only where canAttack');
  return found;
}

function newTenant(): Tenant {
  return {
    root: join(data.path, 'workspaces'),
    tenantId: crypto.randomUUID(),
    workspace: 'default',
    uid: freshUid(),
  };
}

export type Job = { readonly tenant: Tenant; readonly folders: JobFolders };

export async function newJob(tenant: Tenant = newTenant()): Promise<Job> {
  const folders = await prepareFolders(isolation(), { ...tenant, jobId: `job-${crypto.randomUUID()}` });
  return { tenant, folders };
}

export async function endJob({ tenant, folders }: Job): Promise<void> {
  await wipeAfterJob(isolation(), { folders, uid: tenant.uid });
}

/** Starts a shell script as an agent of the job, in its workspace. */
export function start({ tenant, folders }: Job, script: string, env: Record<string, string> = {}) {
  return launch(
    isolation(),
    shellSpec(script, {
      uid: tenant.uid,
      jobId: folders.jobId,
      cwd: folders.workspace,
      env: { PATH: '/usr/bin:/bin', HOME: folders.home, TMPDIR: folders.tmp, ...env },
    }),
  );
}

/** Runs a script to its end and returns everything it printed. */
export async function attack(job: Job, script: string, env: Record<string, string> = {}): Promise<string> {
  const agent = start(job, script, env);
  const [stdout, stderr] = await Promise.all([
    new Response(agent.stdout).text(),
    new Response(agent.stderr).text(),
  ]);
  return stdout + stderr;
}

/** How the kernel and the tools word EACCES and EPERM. */
const DENIED = /permission denied|not permitted|must be superuser|may not/i;

/**
 * Runs one attempt and returns `denied` when it failed for want of a permission; else what happened, so that a
 * command which is missing or misspelt counts as no defence.
 */
export async function attempt(job: Job, command: string, env: Record<string, string> = {}): Promise<string> {
  const script = `if out=$( ( ${command} ) 2>&1 ); then echo "succeeded: $out"; else echo "failed: $out"; fi`;
  const output = (await attack(job, script, env)).trim();
  if (output.includes(SECRET)) return `leaked the secret: ${output}`;
  return output.startsWith('failed: ') && DENIED.test(output) ? 'denied' : output;
}

export type Platform = {
  readonly pid: number;
  readonly env: Record<string, string>;
  /** The paths that somebody asked its credential endpoint for. */
  requests(): Promise<string[]>;
  isAlive(): boolean;
  stop(): Promise<void>;
};

/** Starts platform.ts as root with the secret in its environment. */
export async function startPlatform(): Promise<Platform> {
  const path = `/v2/credentials/${crypto.randomUUID()}`;
  const folder = join(data.path, 'platform');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  writeFileSync(join(folder, 'secret'), SECRET, { mode: 0o600 });
  const child = Bun.spawn([process.execPath, join(import.meta.dirname, 'platform.ts')], {
    cwd: '/',
    env: {
      PLATFORM_CREDENTIALS_PATH: path,
      PLATFORM_SECRET: SECRET,
      PLATFORM_SECRET_FILE: join(folder, 'secret'),
    },
    stdout: 'pipe',
  });
  const { value } = await child.stdout.getReader().read();
  const { pid, port, file }: { pid: number; port: number; file: number } = JSON.parse(
    new TextDecoder().decode(value),
  );
  return {
    pid,
    env: { PLATFORM: String(pid), PORT: String(port), SECRET_FD: String(file) },
    async requests() {
      const asked: string[] = JSON.parse(
        await (await fetch(`http://127.0.0.1:${port}${path}/requests`)).text(),
      );
      return asked;
    },
    isAlive: () => child.exitCode === null && child.signalCode === null,
    async stop() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

/** python3 for what a shell cannot call; null, with the reason printed, where a tenant has none. */
export const python = pythonOrReason();

function pythonOrReason(): string | null {
  const path = Bun.which('python3', { PATH: '/usr/bin:/bin' });
  if (path === null && canAttack) console.log('skipped: attacks in python, because /usr/bin has no python3');
  return path;
}
