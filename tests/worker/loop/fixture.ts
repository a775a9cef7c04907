import { expect } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClock } from '../../../shared/clock.ts';
import type { Aws } from '../../../shared/deps.ts';
import { attemptOfEvent } from '../../../shared/model/event.ts';
import type { JobEvent } from '../../../shared/model/event.ts';
import { isTerminal } from '../../../shared/model/job.ts';
import type { JobRecord } from '../../../shared/model/job.ts';
import { outputBytes } from '../../../shared/output/read-raw.ts';
import { getJob } from '../../../shared/store/jobs/get-job.ts';
import { WORKER_RUNTIME_ENV } from '../../../worker/runtime-env.ts';
import { startChild } from '../../harness/child.ts';
import type { Child } from '../../harness/child.ts';
import type { LocalAws } from '../../harness/local-aws.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv, startApi, startFunctions } from '../../harness/outpost.ts';
import type { TestApi, TestTenant } from '../../harness/outpost.ts';
import { eventually, PATIENCE_MS } from '../launcher/probe.ts';
import { allEvents } from '../output/fixture.ts';

/** `sh` runs its prompt as a shell script and needs no model; `keyed` is the same with a provider's key. */
const AGENTS = [
  {
    id: 'sh',
    install: 'none',
    exec: { any: '/bin/sh' },
    bunOptions: null,
    unpack: null,
    argv: ['-s'],
    prompt: 'stdin',
    provider: null,
    keyVariable: null,
    baseUrl: null,
    baseUrlSuffix: '',
    model: null,
    env: {},
    files: [],
    parser: 'text',
    killGraceMs: 500,
    minMemoryMb: 16,
  },
].flatMap((row) => [row, { ...row, id: 'keyed', provider: 'openai', keyVariable: 'OPENAI_API_KEY' }]);

/** A whole Outpost: local AWS with faults, the API and a folder for workers. */
export type World = {
  readonly local: LocalAws;
  readonly aws: Aws;
  readonly api: TestApi;
  startWorker(env?: Record<string, string>): Promise<Child>;
  /** Submits a script as a job and answers its id. */
  submit(tenant: TestTenant, command: string, options?: Record<string, unknown>): Promise<string>;
  cancel(tenant: TestTenant, jobId: string): Promise<Response>;
  job(tenant: TestTenant, jobId: string): Promise<JobRecord>;
  /** The job when `done` holds (ended, unless said otherwise). */
  until(
    tenant: TestTenant,
    jobId: string,
    done?: (job: JobRecord) => boolean,
    withinMs?: number,
  ): Promise<JobRecord>;
  events(tenant: TestTenant, jobId: string): Promise<JobEvent[]>;
  tenant(): Promise<TestTenant>;
  stop(): Promise<void>;
};

/** A fifth of it is what a heartbeat may take: the machine may be busy. */
export const LEASE_SECONDS = 20;

/** A busy machine takes long to start and stop a world. */
export const HOOK_MS = 3 * PATIENCE_MS;

/** What sets the API and the functions of a test apart: short times. */
export const API_ENV = { OUTPOST_AGENTS: 'sh,keyed', OUTPOST_RESEND_SECONDS: '5' };
export const FUNCTIONS_ENV = { OUTPOST_SWEEP_SECONDS: '1', OUTPOST_RESEND_SECONDS: '3' };

export const startWorld = async (
  parts: { functions?: boolean; awsEnv?: Record<string, string> } = {},
): Promise<World> => {
  const local = await startLocalAws({ withOutpost: true, faults: true, env: parts.awsEnv ?? {} });
  const aws = awsOf(local);
  const api = await startApi(local, API_ENV);
  const functions = parts.functions === true ? await startFunctions(local, FUNCTIONS_ENV) : null;
  const data = mkdtempSync(join(tmpdir(), 'outpost-worker-'));
  chmodSync(data, 0o711);
  const agentsFile = join(data, 'agents.json');
  writeFileSync(agentsFile, JSON.stringify(AGENTS));
  const workers: Child[] = [];

  const job: World['job'] = async (tenant, jobId) => {
    const record = await getJob(aws.store, tenant.tenantId, jobId);
    if (record === undefined) throw new Error(`no job ${jobId}`);
    return record;
  };

  return {
    local,
    aws,
    api,
    job,
    startWorker: async (env = {}) => {
      const worker = await startChild('worker/main.ts', {
        ...outpostEnv(local),
        ...WORKER_RUNTIME_ENV,
        OUTPOST_DATA_DIR: data,
        OUTPOST_EXTRA_AGENTS_FILE: agentsFile,
        OUTPOST_LEASE_SECONDS: String(LEASE_SECONDS),
        OUTPOST_WORKER_HEALTH_PORT: '0',
        ...env,
      });
      workers.push(worker);
      return worker;
    },
    submit: async (tenant, command, options = {}) => {
      const answer = await api.request('POST', '/jobs', {
        key: tenant.apiKey,
        body: { agent: 'sh', command, ...options },
      });
      const body: unknown = await answer.json();
      if (typeof body !== 'object' || body === null || !('job_id' in body)) {
        throw new Error(`POST /jobs: ${answer.status} ${JSON.stringify(body)}`);
      }
      return String(body.job_id);
    },
    cancel: (tenant, jobId) => api.request('DELETE', `/jobs/${jobId}`, { key: tenant.apiKey }),
    until: async (tenant, jobId, done = (record) => isTerminal(record.status), withinMs = PATIENCE_MS) => {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const record = await job(tenant, jobId);
        if (done(record)) return record;
        if (performance.now() > deadline) {
          const logs = workers.flatMap((worker) => worker.logs().slice(-20));
          throw new Error(
            `job still ${JSON.stringify(record)}\n${logs.map((line) => JSON.stringify(line)).join('\n')}`,
          );
        }
        await Bun.sleep(50);
      }
    },
    events: async (tenant, jobId) => allEvents(aws.outputs, await job(tenant, jobId)),
    tenant: () => createTestTenant({ ...aws.store, clock: createClock() }),
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.kill()));
      await api.stop();
      await functions?.stop();
      await local.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
};

/** What the agent wrote, from the events. */
export const outputText = (events: JobEvent[]): string =>
  events
    .map((event) =>
      event.type === 'stdout' || event.type === 'stderr' ? Buffer.from(outputBytes(event)).toString() : '',
    )
    .join('');

/**
 * A command that sleeps for months, and that no other test of this machine runs, in whatever checkout: to be found
 * among its processes, and not to be taken for anybody else's.
 */
export const longSleep = (): string => `sleep ${10_000_000 + Math.floor(Math.random() * 10_000_000)}`;

/** Whether a process whose command line holds this text is alive. */
export const isRunning = async (marker: string): Promise<boolean> => {
  const listing = await new Response(Bun.spawn(['ps', '-eo', 'args'], { stdout: 'pipe' }).stdout).text();
  return listing.split('\n').some((line) => line.includes(marker));
};

/** The workers of one test. */
export type Crew = { start(env?: Record<string, string>): Promise<Child>; dismiss(): Promise<void> };

export const hire = (world: World): Crew => {
  const workers: Child[] = [];
  return {
    start: async (env) => {
      const worker = await world.startWorker(env);
      workers.push(worker);
      return worker;
    },
    dismiss: async () => {
      await world.local.faults.clear();
      await Promise.all(workers.splice(0).map((worker) => worker.kill()));
    },
  };
};

/** A lease, the margin of the claim and what the message stays hidden beyond. */
const ABANDONED_MS = (LEASE_SECONDS + 15) * 1000;

/**
 * Lets the leases of workers that have died run out, and their messages appear again: time passes on AWS at once.
 * No living worker of this world may hold a job.
 */
export const leasesEnd = (world: World): Promise<void> => world.local.advance(ABANDONED_MS);

/** A lease, the margin of the claim, the sweeper's look and a run. */
export const TAKEOVER_MS = (LEASE_SECONDS + 5) * 1000 + PATIENCE_MS;

export const hasStarted = (world: World, tenant: TestTenant, jobId: string): Promise<JobRecord> =>
  world.until(tenant, jobId, (job) => job.agent_started_at !== undefined);

/** Resolves when the agent has written this and a reader may see it. */
export const hasWritten = (world: World, tenant: TestTenant, jobId: string, text: string): Promise<void> =>
  eventually(async () => outputText(await world.events(tenant, jobId)).includes(text));

/** Resolves when the process has ended. */
export const hasDied = async (worker: Child): Promise<void> => {
  for (let alive = true; alive;) {
    await Bun.sleep(50);
    try {
      process.kill(worker.pid, 0);
    } catch {
      // ESRCH: there is no such process any more.
      alive = false;
    }
  }
};

/** Ids go up by one within each attempt, from its first. */
export const expectNoGap = (events: JobEvent[]): void => {
  const counts = new Map<number, number>();
  for (const { id } of events) {
    const attempt = attemptOfEvent(id);
    const n = (counts.get(attempt) ?? 0) + 1;
    expect(id).toBe((attempt - 1) * 1e9 + n);
    counts.set(attempt, n);
  }
};
