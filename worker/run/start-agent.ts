import { isoTime } from '../../shared/clock.ts';
import { failpoint } from '../../shared/failpoint.ts';
import type { Failure, JobRecord } from '../../shared/model/job.ts';
import type { Lease } from '../../shared/store/jobs/claim-job.ts';
import { markAgentStarted } from '../../shared/store/jobs/write-leased.ts';
import { createParser } from '../agents/parsers/create-parser.ts';
import { resolveExecutable } from '../agents/installed.ts';
import { renderCommand } from '../agents/render.ts';
import type { RenderedCommand } from '../agents/render.ts';
import type { AgentRow } from '../agents/row.ts';
import type { WorkerDeps } from '../deps.ts';
import { assertLaunchable, launch } from '../launcher/launch.ts';
import type { AgentProcess } from '../launcher/launch.ts';
import { createPipeline } from '../output/pipeline.ts';
import type { Pipeline } from '../output/pipeline.ts';
import { prepareFolders, wipeAfterJob, writeJobFiles } from '../workspace/workspace.ts';
import type { JobFolders } from '../workspace/workspace.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { findModelAccess } from './model-access.ts';

/** What an agent of a tenant may use at once. */
const LIMITS = { processes: 1024, openFiles: 4096, fileSizeBytes: 8 * 1024 ** 3 } as const;

const FALLBACK_NOTICE =
  'The tenant has stored no key for this agent’s provider: the scripted model answers instead, with a dummy key.';

/** An agent about to start: everything is ready but the process. */
export type Preparation =
  | {
      readonly kind: 'ready';
      readonly row: AgentRow;
      readonly command: RenderedCommand;
      readonly folders: JobFolders;
      readonly key: string | null;
      /** What the stream says at its beginning. */
      readonly notice: string | null;
    }
  /** The job cannot run, here or anywhere, until its tenant or the operator changes something. */
  | { readonly kind: 'impossible'; readonly failure: Failure };

/** A job that cannot run, and what its tenant is told. */
export const impossible = (code: string, message: string): Preparation => ({
  kind: 'impossible',
  failure: { code, message },
});

/**
 * Finds the agent, its key and its folders, in this order: without a key nothing is made. Throws when the key
 * cannot be read, and LaunchError when a folder or a file cannot be made or the agent could not be launched.
 */
export const prepareAgent = async (
  deps: WorkerDeps,
  job: JobRecord,
  lease: Lease,
  uid: number | null,
  signal: AbortSignal,
): Promise<Preparation> => {
  const row = deps.agents.findAgent(job.agent);
  if (row === null) return impossible('agent_unknown', `This worker knows no agent ${job.agent}.`);
  const resolved = await resolveExecutable(row, deps.settings.agentsRoot);
  if (!resolved.found) return impossible(resolved.code, resolved.message);
  const access = await findModelAccess(deps, row, lease, signal);
  if (access.kind === 'missing') {
    return impossible('provider_key_missing', `The tenant has stored no key for ${row.provider}.`);
  }
  const folders = await prepareFolders(deps.isolation, {
    root: deps.settings.workspacesRoot,
    jobsRoot: deps.settings.jobsRoot,
    tenantId: job.tenant_id,
    workspace: job.workspace,
    jobId: job.job_id,
    uid,
  });
  const command = renderCommand(row, {
    executable: resolved.executable,
    bun: process.execPath,
    home: folders.home,
    tmp: folders.tmp,
    prompt: job.command,
    key: access.key,
    modelOrigin: access.origin,
  });
  try {
    assertLaunchable(command);
    await writeJobFiles(deps.isolation, folders, uid, command.files);
  } catch (error) {
    await wipeAfterJob(deps.isolation, { folders, uid });
    throw error;
  }
  const notice = access.origin === null ? null : FALLBACK_NOTICE;
  return { kind: 'ready', row, command, folders, key: access.key, notice };
};

type Ready = Extract<Preparation, { kind: 'ready' }>;

/** A running agent and the pipeline that reads it. */
export type RunningAgent = { readonly agent: AgentProcess; readonly pipeline: Pipeline };

/**
 * Starts the agent and reads its pipes. From the moment the record says so the job counts, so that is written
 * first. Undefined when the lease is lost: then nothing was started.
 */
export const startAgent = async (
  deps: WorkerDeps,
  job: JobRecord,
  keeper: LeaseKeeper,
  uid: number | null,
  { row, command, folders, key, notice }: Ready,
): Promise<(RunningAgent & { readonly job: JobRecord }) | undefined> => {
  const started = await markAgentStarted(deps.store, keeper.lease, isoTime(deps.clock.now()));
  await failpoint('worker.before_launch');
  if (started === undefined || !keeper.isHeld()) return undefined;
  const { lease } = keeper;
  const secrets = [lease.token, ...deps.settings.ownSecrets, ...(key === null ? [] : [key])];
  const pipeline = createPipeline(
    { store: deps.outputs, clock: deps.clock, log: deps.log, isLeaseHeld: keeper.isHeld },
    {
      tenantId: job.tenant_id,
      jobId: job.job_id,
      attempt: lease.attempt,
      secrets,
      parser: createParser(row.parser),
      folder: deps.settings.spoolFolder,
      capBytes: deps.settings.outputCapBytes,
    },
  );
  pipeline.emit({
    type: 'status',
    status: 'running',
    attempt: lease.attempt,
    ...(notice === null ? {} : { message: notice }),
  });
  const agent = await launchOrFinish(pipeline, () =>
    launch(deps.isolation, {
      argv: command.argv,
      env: command.env,
      cwd: folders.workspace,
      stdin: command.stdin,
      uid,
      jobId: job.job_id,
      limits: LIMITS,
    }),
  );
  pipeline.attach(agent.stdout, agent.stderr);
  await failpoint('worker.after_launch');
  return { agent, pipeline, job: started };
};

/** A pipeline always ends, or its files and timers would stay. */
const launchOrFinish = async (pipeline: Pipeline, start: () => AgentProcess): Promise<AgentProcess> => {
  try {
    return start();
  } catch (error) {
    await pipeline.finish({ withinMs: 0 });
    throw error;
  }
};
