import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorker } from '../../cli/build/worker-context.ts';
import type { Aws } from '../../shared/deps.ts';
import type { AgentRow } from '../../worker/agents/row.ts';
import { WORKER_RUNTIME_ENV } from '../../worker/runtime-env.ts';
import { type Child, startChild } from '../harness/child.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import {
  awsOf,
  createTestTenant,
  outpostEnv,
  startApi,
  startFunctions,
  type TestTenant,
} from '../harness/outpost.ts';
import { createTenantClient, type TenantClient } from './tenant-client.ts';

/** A whole Outpost, every part a process of its own, as `bun start` runs it. */
export type World = {
  readonly aws: Aws;
  readonly workspacesRoot: string;
  readonly workers: readonly Child[];
  /** Whether tenants have a uid of their own here. */
  readonly isolatesByUid: boolean;
  /** All that the processes have logged, as text. */
  logs(): string;
  tenant(traits?: Parameters<typeof createTestTenant>[1]): Promise<TenantClient<TestTenant>>;
  stop(): Promise<void>;
};

export type WorldOptions = {
  /** Agents besides the built-in ones; jobs may name both. */
  readonly agents: readonly AgentRow[];
  readonly agentIds: readonly string[];
  readonly workers: number;
  /** The workers as the image has them, instead of their source. */
  readonly built?: true;
  readonly workerEnv?: Readonly<Record<string, string>>;
};

export async function startWorld(options: WorldOptions): Promise<World> {
  const local = await startLocalAws({ withOutpost: true });
  const aws = awsOf(local);
  const data = mkdtempSync(join(tmpdir(), 'outpost-e2e-'));
  chmodSync(data, 0o711);
  const [api, functions, workers] = await Promise.all([
    startApi(local, { OUTPOST_AGENTS: options.agentIds.join(','), OUTPOST_RESEND_SECONDS: '5' }),
    startFunctions(local, { OUTPOST_SWEEP_SECONDS: '1', OUTPOST_RESEND_SECONDS: '5' }),
    startWorkers(local, data, options),
  ]);
  const isolation = workers[0]?.logs().find((line) => 'isolation' in line)?.['isolation'];
  return {
    aws,
    workers,
    workspacesRoot: join(data, 'workspaces'),
    isolatesByUid: isolation === 'uid',
    logs: () => [api, functions, ...workers].map((child) => JSON.stringify(child.logs())).join('\n'),
    tenant: async (traits) => createTenantClient(api.endpoint, await createTestTenant(aws.store, traits)),
    stop: async () => {
      await Promise.all([...workers, api, functions].map((child) => child.stop()));
      await local.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

async function startWorkers(local: LocalAws, data: string, options: WorldOptions): Promise<Child[]> {
  const agentsFile = join(data, 'agents.json');
  writeFileSync(agentsFile, JSON.stringify(options.agents));
  const built = join(data, 'worker');
  if (options.built) await bundleWorker(built);
  const entry = options.built ? join(built, 'main.js') : 'worker/main.ts';
  return Promise.all(
    Array.from({ length: options.workers }, () =>
      startChild(entry, {
        ...outpostEnv(local),
        ...WORKER_RUNTIME_ENV,
        OUTPOST_DATA_DIR: data,
        OUTPOST_EXTRA_AGENTS_FILE: agentsFile,
        OUTPOST_LEASE_SECONDS: '20',
        OUTPOST_WORKER_HEALTH_PORT: '0',
        ...options.workerEnv,
      }),
    ),
  );
}
