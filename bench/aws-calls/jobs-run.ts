import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ECHO_AGENT } from '../../tests/e2e/trivial-agents.ts';
import { createTenantClient } from '../../tests/e2e/tenant-client.ts';
import { startChild } from '../../tests/harness/child.ts';
import type { LocalAws } from '../../tests/harness/local-aws.ts';
import {
  awsOf,
  createTestTenant,
  outpostEnv,
  startApi,
  startFunctions,
} from '../../tests/harness/outpost.ts';
import { isTerminal } from '../../shared/model/job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import type { Store } from '../../shared/store/store.ts';
import { WORKER_RUNTIME_ENV } from '../../worker/runtime-env.ts';
import { type Call, startRecorder } from './recorder.ts';

/** The calls of one kind of process. */
export type Share = { readonly part: 'api' | 'worker' | 'functions'; readonly calls: readonly Call[] };

export type RealRun = {
  /** Of `jobs` jobs by one worker, from the first submission to the last job's end. */
  readonly jobs: readonly Share[];
  /** Of `reads` times GET /jobs/{id}. */
  readonly reads: readonly Share[];
  /** Of a worker for `idleSeconds` in which nothing happened. */
  readonly idle: readonly Call[];
};

const PARTS = ['api', 'worker', 'functions'] as const;
/** A job's message may wait for others; the machine may be busy. */
const PATIENCE_MS = 300_000;
/** What the parts do after the last answer: audit entries on their way, marks of used keys. */
const SETTLE_MS = 3_000;

/**
 * Runs an Outpost of three processes, each behind a recorder of its own: submits jobs and follows each until it has
 * ended, reads, and then leaves everything alone.
 */
export async function realRun(
  local: LocalAws,
  size: { jobs: number; reads: number; idleSeconds: number },
  progress: (line: string) => void,
): Promise<RealRun> {
  const recorders = {
    api: startRecorder(local),
    worker: startRecorder(local),
    functions: startRecorder(local),
  };
  const data = mkdtempSync(join(tmpdir(), 'outpost-aws-calls-'));
  chmodSync(data, 0o711);
  const agents = join(data, 'agents.json');
  writeFileSync(agents, JSON.stringify([ECHO_AGENT]));
  const api = await startApi(recorders.api.aws, { OUTPOST_AGENTS: ECHO_AGENT.id });
  const functions = await startFunctions(recorders.functions.aws, { OUTPOST_SWEEP_SECONDS: '60' });
  const worker = await startChild('worker/main.ts', {
    ...outpostEnv(recorders.worker.aws),
    ...WORKER_RUNTIME_ENV,
    OUTPOST_DATA_DIR: data,
    OUTPOST_EXTRA_AGENTS_FILE: agents,
    OUTPOST_WORKER_HEALTH_PORT: '0',
  });
  const during = async (work: () => Promise<unknown>): Promise<Share[]> => {
    for (const part of PARTS) recorders[part].start();
    await work();
    return PARTS.map((part) => ({ part, calls: recorders[part].take() }));
  };
  try {
    const aws = awsOf(local);
    const tenant = createTenantClient(api.endpoint, await createTestTenant(aws.store));
    const ids: string[] = [];
    progress(`${size.jobs} jobs`);
    const jobs = await during(async () => {
      for (let index = 0; index < size.jobs; index += 1) {
        ids.push(
          await tenant.submit({ agent: ECHO_AGENT.id, command: `Say ${index}.`, workspace: `w${index}` }),
        );
      }
      // Past the recorders: what a client asks while it waits is its own.
      for (const id of ids) await ended(aws.store, tenant.tenantId, id);
      await Bun.sleep(SETTLE_MS);
    });
    progress(`${size.reads} reads`);
    const reads = await during(async () => {
      for (let index = 0; index < size.reads; index += 1) await tenant.job(ids[index % ids.length] ?? '');
      await Bun.sleep(SETTLE_MS);
    });
    progress(`idle for ${size.idleSeconds} s`);
    const idle = await during(() => Bun.sleep(size.idleSeconds * 1000));
    return { jobs, reads, idle: idle.find(({ part }) => part === 'worker')?.calls ?? [] };
  } finally {
    await Promise.all([worker, functions, api].map((child) => child.stop()));
    await Promise.all(PARTS.map((part) => recorders[part].close()));
    rmSync(data, { recursive: true, force: true });
  }
}

async function ended(store: Store, tenantId: string, jobId: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const job = await getJob(store, tenantId, jobId);
    if (job !== undefined && isTerminal(job.status)) {
      if (job.status !== 'succeeded') throw new Error(`job ${jobId} ended ${job.status}`);
      return;
    }
    if (performance.now() > deadline) throw new Error(`job ${jobId} has not ended after ${PATIENCE_MS} ms`);
    await Bun.sleep(100);
  }
}
