import { serveTasks, type Task } from '../../cli/start/tasks.ts';
import type { Child } from '../harness/child.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { startWorld, type World } from '../worker/loop/fixture.ts';

/** A worker of a tenant's own, with how it ended. */
export type DedicatedWorker = Task & { readonly worker: Child; readonly exitCode: Promise<number> };

/** A whole Outpost whose tasks are worker processes, one for a job. */
export type DedicatedWorld = World & {
  /** Every worker that was started for one job, in order. */
  readonly own: readonly DedicatedWorker[];
  /** Says as the operator whether the tenant's jobs run in the pool. */
  isolate(tenant: TestTenant, isolation: 'pool' | 'dedicated'): Promise<void>;
  /** A tenant that its operator has made a dedicated one. */
  dedicatedTenant(limits?: { concurrent_jobs: number }): Promise<TestTenant>;
};

export const startDedicatedWorld = async (): Promise<DedicatedWorld> => {
  const own: DedicatedWorker[] = [];
  const running = new Set<Promise<void>>();
  let stopping = false;
  const runTask = async ({ tenantId, jobId }: Task): Promise<void> => {
    if (stopping) return;
    const worker = await world.startWorker({ OUTPOST_ONLY_TENANT: tenantId, OUTPOST_ONLY_JOB: jobId });
    own.push({ tenantId, jobId, worker, exitCode: worker.exited });
    if (stopping) await worker.kill();
    await worker.exited;
  };
  const tasks = serveTasks(async (task) => {
    const run = runTask(task);
    running.add(run);
    await run;
    running.delete(run);
  });
  const world = await startWorld({ functions: true, awsEnv: { OUTPOST_LOCAL_TASKS_URL: tasks.url } });
  const operator = await createTestTenant(world.aws.store, { scopes: ['admin'] });
  const isolate: DedicatedWorld['isolate'] = async ({ tenantId }, isolation) => {
    const answer = await world.api.request('PATCH', `/tenants/${tenantId}`, {
      key: operator.apiKey,
      body: { isolation },
    });
    if (answer.status !== 200) throw new Error(`PATCH: ${answer.status} ${await answer.text()}`);
  };
  return {
    ...world,
    own,
    isolate,
    dedicatedTenant: async (limits) => {
      const tenant = await createTestTenant(world.aws.store, limits === undefined ? {} : { limits });
      await isolate(tenant, 'dedicated');
      return tenant;
    },
    stop: async () => {
      // A late duplicate may be starting: nothing may start or live without the AWS that it talks to.
      stopping = true;
      await Promise.all(own.map(({ worker }) => worker.kill()));
      await Promise.all(running);
      await world.stop();
      await tasks.stop();
    },
  };
};
