import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { createClock } from '../shared/clock.ts';
import { createAws } from '../shared/deps.ts';
import { EnvError } from '../shared/env.ts';
import { describeError } from '../shared/errors.ts';
import { armFromEnv } from '../shared/failpoint-text.ts';
import { createLog } from '../shared/log.ts';
import type { Log } from '../shared/log.ts';
import { createProviderKeys } from '../shared/secrets/provider-keys.ts';
import { readExtraAgents } from './agents/extra-agents.ts';
import { createAgentRegistry } from './agents/registry.ts';
import type { StopSignals, WorkerDeps, WorkerSettings } from './deps.ts';
import type { Health } from './health.ts';
import { serveHealth } from './health.ts';
import { LaunchError } from './launcher/error.ts';
import { probeIsolation } from './launcher/isolation.ts';
import type { Isolation } from './launcher/isolation.ts';
import { neighbourProblems } from './launcher/probe-neighbour.ts';
import { inTurn } from './launcher/turn.ts';
import type { UidRange } from './launcher/uid-range.ts';
import { runLoop } from './loop/loop.ts';
import { runOnly } from './loop/only-job.ts';
import { createMetrics } from './metrics.ts';
import { makeSpoolFolder, removeAbandonedSpools } from './output/spool-folder.ts';
import { readWorkerEnv, workerSettings } from './settings.ts';
import type { WorkerEnv } from './settings.ts';
import { createTenantUids } from './run/tenant-uids.ts';
import { createTaskProtection } from './task-protection.ts';
import { startWatchdog } from './watchdog/watchdog.ts';
import { wipeAbandoned } from './workspace/abandoned.ts';
import { prepareRoot } from './workspace/folders.ts';

/**
 * The worker: takes jobs from the queues, one at a time, until SIGTERM, or runs the one job that it is told of
 * (OUTPOST_ONLY_JOB) and ends. The first SIGTERM or SIGINT hands a
 * running job back in good order, the second in a hurry.
 */

/** At most this long before a deadline does the watchdog begin to kill. */
const WATCHDOG_MARGIN_MAX_MS = 10_000;

const write = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  await main();
} catch (error) {
  if (!(error instanceof EnvError) && !(error instanceof LaunchError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
// Connections that AWS keeps open must not keep the process.
process.exit();

async function main(): Promise<void> {
  const env = readWorkerEnv(process.env);
  const signal = (name: 'SIGKILL' | 'SIGSTOP') => (): void => void process.kill(process.pid, name);
  armFromEnv(env, { kill: signal('SIGKILL'), stop: signal('SIGSTOP') });
  const spool = makeSpoolFolder(tmpdir());
  try {
    const settings = workerSettings(env, ownSecrets(), spool.path);
    await serve(env, settings, createLog(write, { worker: settings.workerId }));
  } finally {
    spool.remove();
  }
}

async function serve(env: WorkerEnv, settings: WorkerSettings, log: Log): Promise<void> {
  const signals = stopSignals(log);
  const isolation = await boot(env, settings, log);
  const deps = await createDeps(env, settings, log, isolation);
  const health: Health = { ready: false, currentJob: null };
  const port = env.OUTPOST_WORKER_HEALTH_PORT;
  const server = port === undefined ? null : serveHealth(port, health);
  write(
    JSON.stringify({
      endpoint: server?.endpoint ?? null,
      pid: process.pid,
      isolation: isolation.level,
      isolation_reason: isolation.reason,
    }),
  );
  // Without its watchdog a hanging worker could run past its lease, so it stops as if it were told to.
  void deps.watchdog.exited.then(() => {
    if (!signals.stopping.aborted) signals.stop('the watchdog has ended');
  });
  try {
    if (settings.only === null) await runLoop(deps, health, signals);
    else if (!(await runOnly(deps, health, signals, settings.only))) process.exitCode = 1;
  } finally {
    await deps.watchdog.close();
    await deps.taskProtection.settled();
    await server?.stop();
    log.info('worker.stopped');
  }
}

/** What this machine offers to keep jobs apart, and no start with less than the environment demands. */
async function boot(env: WorkerEnv, settings: WorkerSettings, log: Log): Promise<Isolation> {
  mkdirSync(settings.agentsRoot, { recursive: true });
  const uids = { first: env.OUTPOST_UID_START, last: env.OUTPOST_UID_START + env.OUTPOST_UID_COUNT - 1 };
  // The access point of a dedicated tenant makes everything the tenant's own, its root included.
  await prepareRoot(settings.workspacesRoot, settings.only === null ? undefined : uids);
  await prepareRoot(settings.jobsRoot);
  return inTurn(settings.locksRoot, uids, () => probe(env, settings, uids, log));
}

async function probe(env: WorkerEnv, settings: WorkerSettings, uids: UidRange, log: Log): Promise<Isolation> {
  const required = env.OUTPOST_ENV === 'prod' ? 'uid' : env.OUTPOST_ISOLATION;
  const isolation = await probeIsolation({
    workspacesRoot: settings.workspacesRoot,
    // This Bun runs the agents that are JavaScript.
    executableRoots: [settings.agentsRoot, dirname(process.execPath)],
    uids,
    ...(required === undefined ? {} : { required }),
  });
  log.info('worker.isolation', {
    level: isolation.level,
    reason: isolation.reason,
    layers: isolation.layers,
  });
  const problems = await neighbourProblems(isolation, settings);
  createMetrics(write, env.OUTPOST_ENV, createClock()).put({ IsolationProbeFailed: problems.length });
  if (problems.length > 0) throw new LaunchError('isolation_unavailable', problems.join('; '));
  const spools = removeAbandonedSpools(tmpdir());
  if (spools > 0) log.warn('worker.removed_spools', { spools });
  const wiped = await wipeAbandoned(isolation, settings);
  if (wiped.length > 0) log.warn('worker.wiped_abandoned', { uids: wiped });
  return isolation;
}

async function createDeps(
  env: WorkerEnv,
  settings: WorkerSettings,
  log: Log,
  isolation: Isolation,
): Promise<WorkerDeps> {
  const { clock, store, queues, outputs, secrets } = createAws(env);
  const marginMs = Math.min(WATCHDOG_MARGIN_MAX_MS, (settings.leaseSeconds * 1000) / 5);
  return {
    clock,
    store,
    queues,
    outputs,
    log,
    settings,
    isolation,
    metrics: createMetrics(write, env.OUTPOST_ENV, clock),
    providerKeys: createProviderKeys(secrets, clock),
    tenantUids: createTenantUids(store),
    agents: createAgentRegistry(await readExtraAgents(env.OUTPOST_EXTRA_AGENTS_FILE)),
    // What no service scales in has nothing to be protected from, and ECS refuses.
    taskProtection: createTaskProtection(settings.only === null ? env.ECS_AGENT_URI : undefined, log),
    watchdog: await startWatchdog(isolation, { marginMs, locksRoot: settings.locksRoot }),
  };
}

/**
 * The worker's own credentials, or on ECS the path that leads to them, so that they are redacted should an agent
 * ever print them.
 */
function ownSecrets(): string[] {
  const names = [
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  ];
  return names.map((name) => process.env[name] ?? '').filter((secret) => secret !== '');
}

function stopSignals(log: Log): StopSignals & { stop(reason: string): void } {
  const stopping = new AbortController();
  const hurry = new AbortController();
  const stop = (reason: string): void => {
    log.info('worker.stopping', { reason, hurry: stopping.signal.aborted });
    (stopping.signal.aborted ? hurry : stopping).abort();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  process.on('unhandledRejection', (error) => {
    log.error('worker.unhandled', describeError(error));
    process.exitCode = 1;
    stop('an unhandled rejection');
  });
  return { stopping: stopping.signal, hurry: hurry.signal, stop };
}
