import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import type { RecordedCall } from '../../../local/aws/calls.ts';
import { putProviderSecret } from '../../../shared/secrets/provider-secret-store.ts';
import { platformSecret } from '../../../shared/secrets/secrets.ts';
import { deleteTenantWrites } from '../../../shared/store/tenants/delete-tenant-writes.ts';
import { transact } from '../../../shared/store/transact.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import { awsOf, createTestTenant, TEST_PEPPER } from '../../harness/outpost.ts';
import { addJob } from '../../store/fixture.ts';
import { callEveryRoute } from './drive-api.ts';
import { driveBilling } from './drive-billing.ts';
import { DEDICATED, driveDedicatedWorker, driveStarter } from './drive-dedicated.ts';
import * as functions from './drive-functions.ts';
import { driveWorker } from './drive-worker.ts';
import { apiThroughEvents, createRecorder, functionEnv } from './recorder.ts';

/** Where tasks are asked for; nobody runs them. */
const TASKS = '/tasks';

/** Runs every function and a worker through what they do, and answers with what each role called. */
export async function driveEverything(): Promise<(role: string) => readonly RecordedCall[]> {
  const asked: unknown[] = [];
  /** Stands for Lambda, which Secrets Manager asks to rotate: the events are kept, and run for the record later. */
  const rotations = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      if (new URL(request.url).pathname !== TASKS) asked.push(await request.json());
      return Response.json({});
    },
  });
  const local = await startLocalAws({
    withOutpost: true,
    faults: true,
    env: {
      OUTPOST_LOCAL_FUNCTIONS_URL: `http://127.0.0.1:${rotations.port}`,
      OUTPOST_LOCAL_TASKS_URL: `http://127.0.0.1:${rotations.port}${TASKS}`,
    },
  });
  try {
    const aws = awsOf(local);
    await aws.secrets.client.send(
      new CreateSecretCommand({
        Name: platformSecret(aws.secrets.environment, 'pepper'),
        SecretString: TEST_PEPPER,
      }),
    );
    const recorder = createRecorder(local);
    const env = functionEnv(local, {
      OUTPOST_ROTATION_FUNCTION_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:outpost-rotation-local',
      // Nobody listens there: a provider that cannot be asked refuses no key.
      OUTPOST_PROVIDER_TEST_URL: 'http://127.0.0.1:9',
    });
    const drive = { aws, recorder, env };
    await recorder.during('api', async () => callEveryRoute(await apiThroughEvents(env), aws));
    await functions.driveRotation(drive, asked);
    await functions.driveAuthorizer(drive);
    await functions.driveAudit(drive);
    await functions.driveDeadLetters(drive);
    await functions.driveSweeper(drive, async () => {
      const { tenant, tenantId, ...rest } = await createTestTenant(aws.store, { plan: 'free' });
      const started = { attempt: 1, agent_started_at: new Date().toISOString() };
      await addJob(aws.store, { tenant, tenantId, ...rest });
      await addJob(aws.store, { tenant, tenantId, ...rest }, started);
      await putProviderSecret(aws.secrets, tenantId, 'openai', 'sk-0123456789ab');
      const deleted_at = new Date(Date.now() - 120_000).toISOString();
      const after = { ...tenant, status: 'deleted', deleted_at, updated_at: deleted_at } as const;
      await transact(aws.store, deleteTenantWrites(tenant, { ...after, active_keys: [] }));
    });
    await driveBilling(local, recorder);
    await driveStarter(aws, recorder, env);
    const worker = await driveWorker();
    const own = await driveDedicatedWorker();
    return (role) => (role === DEDICATED ? own : [...recorder.callsOf(role), ...worker.callsOf(role)]);
  } finally {
    await local.stop();
    await rotations.stop(true);
  }
}
