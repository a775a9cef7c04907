import { accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Env } from '../shared/env.ts';
import { AWS_OPTIONAL_VARIABLES, AWS_VARIABLES } from '../shared/deps.ts';
import { EnvError, readEnv } from '../shared/env.ts';
import type { WorkerSettings } from './deps.ts';
import { newWorkerId } from './deps.ts';

const REQUIRED = [
  ...AWS_VARIABLES,
  'OUTPOST_LEASE_SECONDS',
  'OUTPOST_OUTPUT_CAP_BYTES',
  'OUTPOST_DATA_DIR',
  'OUTPOST_UID_START',
  'OUTPOST_UID_COUNT',
] as const;

const OPTIONAL = [
  ...AWS_OPTIONAL_VARIABLES,
  'OUTPOST_WORKSPACES_DIR',
  'OUTPOST_AGENTS_DIR',
  'OUTPOST_EXTRA_AGENTS_FILE',
  'OUTPOST_FALLBACK_MODEL_URL',
  'OUTPOST_WORKER_HEALTH_PORT',
  'OUTPOST_ISOLATION',
  'OUTPOST_FAILPOINTS',
  'OUTPOST_ONLY_TENANT',
  'OUTPOST_ONLY_JOB',
  'ECS_AGENT_URI',
] as const;

export type WorkerEnv = Env<(typeof REQUIRED)[number], (typeof OPTIONAL)[number]>;

/** What a worker reads of its environment. Throws one EnvError with every problem. */
export const readWorkerEnv = (source: Readonly<Record<string, string | undefined>>): WorkerEnv => {
  const env = readEnv(source, REQUIRED, OPTIONAL);
  // A worker of one tenant must never be taken for one of the pool because its job was left out.
  if ((env.OUTPOST_ONLY_TENANT === undefined) !== (env.OUTPOST_ONLY_JOB === undefined)) {
    throw new EnvError(['OUTPOST_ONLY_TENANT and OUTPOST_ONLY_JOB are set together or not at all.']);
  }
  return env;
};

/**
 * Where root keeps the locks on uids. A kill by uid reaches over the whole machine, so the lock on a uid must
 * too: workers of another data folder serve tenants with the same uids.
 */
const SYSTEM_STATE = '/run';

const mayWrite = (folder: string): boolean => {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    // Absent, not ours or read-only, as in a container that is its worker's alone: all the same answer.
    return false;
  }
};

/** The settings that follow from the environment. */
export const workerSettings = (
  env: WorkerEnv,
  ownSecrets: readonly string[],
  spoolFolder: string,
): WorkerSettings => {
  const data = resolve(env.OUTPOST_DATA_DIR);
  return {
    workerId: newWorkerId(),
    leaseSeconds: env.OUTPOST_LEASE_SECONDS,
    only: onlyJob(env),
    outputCapBytes: env.OUTPOST_OUTPUT_CAP_BYTES,
    workspacesRoot: resolve(env.OUTPOST_WORKSPACES_DIR ?? join(data, 'workspaces')),
    jobsRoot: join(data, 'jobs'),
    locksRoot: mayWrite(SYSTEM_STATE) ? join(SYSTEM_STATE, 'outpost-locks') : join(data, 'locks'),
    spoolFolder,
    agentsRoot: resolve(env.OUTPOST_AGENTS_DIR ?? join(data, 'agents')),
    fallbackModelUrl: env.OUTPOST_FALLBACK_MODEL_URL ?? null,
    ownSecrets,
  };
};

const onlyJob = ({
  OUTPOST_ONLY_TENANT: tenantId,
  OUTPOST_ONLY_JOB: jobId,
}: WorkerEnv): WorkerSettings['only'] =>
  tenantId === undefined || jobId === undefined ? null : { tenantId, jobId };
