import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorker } from '../../cli/build/worker-context.ts';
import type { Aws } from '../../shared/deps.ts';
import { type LocalAws, startLocalAws } from '../../tests/harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv, type TestTenant } from '../../tests/harness/outpost.ts';
import type { AgentRow } from '../../worker/agents/row.ts';
import { WORKER_RUNTIME_ENV } from '../../worker/runtime-env.ts';
import type { Cleanup } from './cleanup.ts';
import { type Server, startServer } from './start-process.ts';

/** An Outpost to be measured, every part a process of its own, with the times of a deployment. */
export type World = {
  readonly local: LocalAws;
  readonly aws: Aws;
  readonly folder: string;
  /** What every process of it is told. */
  readonly env: Readonly<Record<string, string>>;
  startApi(env?: Readonly<Record<string, string>>): Promise<Server>;
  startFunctions(): Promise<Server>;
  /** As `bun run build` makes them. */
  startWorkers(count: number, env?: Readonly<Record<string, string>>): Promise<Server[]>;
  tenants(count: number): Promise<TestTenant[]>;
};

const TENANTS_AT_ONCE = 20;
const STARTS_AT_ONCE = 4;

/** Starts local AWS with Outpost's tables in a folder of its own; `agents` are what jobs may name. */
export async function startWorld(cleanup: Cleanup, agents: readonly AgentRow[]): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-bench-'));
  chmodSync(folder, 0o711);
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  const local = await startLocalAws({ withOutpost: true, faults: true, dataDir: join(folder, 'data') });
  cleanup.add(() => local.stop());
  const aws = awsOf(local);
  const agentsFile = join(folder, 'agents.json');
  writeFileSync(agentsFile, JSON.stringify(agents));
  const env = { ...outpostEnv(local), OUTPOST_AGENTS: agents.map((agent) => agent.id).join(',') };
  const built = join(folder, 'worker');
  let building: Promise<void> | undefined;
  let started = 0;
  const start = async (entry: string, more: Readonly<Record<string, string>>): Promise<Server> => {
    started += 1;
    const server = await startServer(entry, {
      logFile: join(folder, `${started}.log`),
      env: { ...env, ...more },
    });
    cleanup.add(() => server.stop());
    return server;
  };
  return {
    local,
    aws,
    folder,
    env,
    startApi: (more = {}) => start('api/serve.ts', { PORT: '0', ...more }),
    startFunctions: () => start('api/functions/serve.ts', {}),
    startWorkers: async (count, more = {}) => {
      await (building ??= bundleWorker(built));
      const workers: Server[] = [];
      while (workers.length < count) {
        const missing = Math.min(STARTS_AT_ONCE, count - workers.length);
        const batch = Array.from({ length: missing }, () =>
          start(join(built, 'main.js'), {
            ...WORKER_RUNTIME_ENV,
            OUTPOST_DATA_DIR: folder,
            OUTPOST_EXTRA_AGENTS_FILE: agentsFile,
            OUTPOST_WORKER_HEALTH_PORT: '0',
            ...more,
          }),
        );
        workers.push(...(await Promise.all(batch)));
      }
      return workers;
    },
    tenants: async (count) => {
      const tenants: TestTenant[] = [];
      while (tenants.length < count) {
        const missing = Math.min(TENANTS_AT_ONCE, count - tenants.length);
        tenants.push(
          ...(await Promise.all(Array.from({ length: missing }, () => createTestTenant(aws.store)))),
        );
      }
      return tenants;
    },
  };
}
