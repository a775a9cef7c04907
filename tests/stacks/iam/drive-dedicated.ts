import { expect } from 'bun:test';
import { sendJob } from '../../../shared/queue/send-job.ts';
import { lambda as startDedicated } from '../../../api/functions/start-dedicated.ts';
import type { RecordedCall } from '../../../local/aws/calls.ts';
import type { Aws } from '../../../shared/deps.ts';
import { createTestTenant, type TestTenant } from '../../harness/outpost.ts';
import { addJob } from '../../store/fixture.ts';
import { startWorld, type World } from '../../worker/loop/fixture.ts';
import { TENANT } from '../synthesis.ts';
import { dedicatedTenant } from './dedicated-tenant.ts';
import { LARGE, lostThrice, PRIORITIES, putKey } from './drive-worker.ts';
import { createRecorder, type Recorder, run } from './recorder.ts';

export const DEDICATED = `dedicated-${TENANT}`;

/** Jobs of the pool's tenants, which go back, and of a dedicated one: to be started, and to be parked. */
export async function driveStarter(aws: Aws, recorder: Recorder, env: Record<string, string>): Promise<void> {
  const [pooled, dedicated] = [await createTestTenant(aws.store), await dedicatedTenant(aws)];
  const jobs = await Promise.all([
    ...PRIORITIES.map((priority) => addJob(aws.store, pooled, { priority })),
    addJob(aws.store, dedicated),
  ]);
  const events = jobs.map(({ tenant_id, job_id, priority }) => ({
    Records: [{ messageId: job_id, body: JSON.stringify({ v: 1, tenant_id, job_id, priority }) }],
  }));
  await recorder.during('start-dedicated', () => run(startDedicated, env, ...events));
}

/** Workers of one dedicated tenant with everything that can become of their jobs. Nothing else runs meanwhile. */
export async function driveDedicatedWorker(): Promise<readonly RecordedCall[]> {
  const world = await startWorld();
  const recorder = createRecorder(world.local);
  try {
    const tenant = await dedicatedTenant(world.aws);
    await putKey(world, tenant);
    const failing = await Promise.all(
      PRIORITIES.map((priority) =>
        world.submit(tenant, 'exit 1', {
          priority,
          workspace: priority,
          max_attempts: 2,
          agent: 'keyed',
        }),
      ),
    );
    const large = await world.submit(tenant, LARGE, { workspace: 'large' });
    const lost = await lostThrice(world, tenant);
    await sendJob(world.aws.queues, lost);
    // A write whose reply is lost is repeated, and the worker reads whether it finds its own.
    const fault = { kind: 'drop_reply' } as const;
    await world.local.faults.set([{ service: 's3', operation: 'PutObject', times: 1, fault }]);
    await recorder.during(DEDICATED, async () => {
      for (const jobId of [...failing, large, lost.job_id]) await runOne(world, tenant, jobId);
    });
    expect(await world.job(tenant, large)).toMatchObject({ status: 'succeeded' });
    expect(await world.job(tenant, lost.job_id)).toMatchObject({ status: 'failed' });
    return recorder.callsOf(DEDICATED).map((call) => asTheNamed(call, tenant.tenantId));
  } finally {
    await world.stop();
  }
}

async function runOne(world: World, { tenantId }: TestTenant, jobId: string): Promise<void> {
  const worker = await world.startWorker({ OUTPOST_ONLY_TENANT: tenantId, OUTPOST_ONLY_JOB: jobId });
  expect(await worker.exited).toBe(0);
}

/** The call as the tenant would have made it that the settings name. */
const asTheNamed = (call: RecordedCall, tenantId: string): RecordedCall => ({
  ...call,
  uses: call.uses.map((use) => ({ ...use, resource: use.resource.replaceAll(tenantId, TENANT) })),
});
