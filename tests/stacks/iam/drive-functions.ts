import { expect } from 'bun:test';
import { gzipSync } from 'node:zlib';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { lambda as accessLog } from '../../../api/functions/access-log.ts';
import { lambda as auditExport } from '../../../api/functions/audit-export.ts';
import { lambda as auditWriter } from '../../../api/functions/audit-writer.ts';
import { lambda as authorizer } from '../../../api/functions/authorizer.ts';
import { lambda as deadLetters } from '../../../api/functions/dead-letters.ts';
import { lambda as rotation } from '../../../api/functions/rotation.ts';
import { lambda as sweeper } from '../../../api/functions/sweeper.ts';
import { wakeWorkers } from '../../../api/functions/wake-workers.ts';
import type { ACCESS_LOG_FORMAT } from '../../../api/operations/ingest-access-log.ts';
import type { Aws } from '../../../shared/deps.ts';
import { parkedForSlot } from '../../../shared/store/jobs/job-state.ts';
import { addJob } from '../../store/fixture.ts';
import { createTestTenant } from '../../harness/outpost.ts';
import { type Recorder, run } from './recorder.ts';

type Drive = { readonly aws: Aws; readonly recorder: Recorder; readonly env: Record<string, string> };

export async function driveAuthorizer({ aws, recorder, env }: Drive): Promise<void> {
  const { apiKey } = await createTestTenant(aws.store);
  const event = (key: string) => ({
    version: '2.0',
    type: 'REQUEST',
    routeArn: 'arn:aws:execute-api:us-east-1:123456789012:api/$default/GET/jobs',
    headers: { authorization: `Bearer ${key}` },
    requestContext: {
      requestId: `authorizer-${key.slice(-4)}`,
      timeEpoch: Date.now(),
      http: { sourceIp: '192.0.2.7', path: '/jobs' },
    },
  });
  const unknown = 'op_live_00000000000000000000000000000000';
  await recorder.during('authorizer', () => run(authorizer, env, event(apiKey), event(unknown)));
}

export async function driveAudit({ aws, recorder, env }: Drive): Promise<void> {
  const { tenantId } = await createTestTenant(aws.store);
  const entry = {
    tenant_id: tenantId,
    timestamp: new Date().toISOString(),
    action: 'job.read',
    resource: 'job/x',
    metadata: {},
    request_id: 'iam-audit-writer',
    actor: 'key:x',
    source_ip: null,
    user_agent: null,
    outcome: 'allowed',
    status: 200,
  };
  const body = JSON.stringify({ v: 1, entry, certainty: 'observed' });
  await recorder.during('audit-writer', () => run(auditWriter, env, { Records: [{ messageId: 'm', body }] }));
  const line: Record<keyof typeof ACCESS_LOG_FORMAT, string> = {
    request_id: 'iam-access-log',
    time_epoch: String(Date.now()),
    source_ip: '192.0.2.7',
    user_agent: '-',
    path: '/jobs',
    status: '401',
    integration_status: '-',
  };
  const logs = { messageType: 'DATA_MESSAGE', logEvents: [{ message: JSON.stringify(line) }] };
  const data = gzipSync(JSON.stringify(logs)).toString('base64');
  await recorder.during('access-log', () => run(accessLog, env, { awslogs: { data } }));
  const day = entry.timestamp.slice(0, 10);
  await recorder.during('audit-export', () => run(auditExport, env, { day }));
}

/** Letters of a job that is to be sent again, of one that has ended its course, and of none. */
export async function driveDeadLetters({ aws, recorder, env }: Drive): Promise<void> {
  const tenant = await createTestTenant(aws.store);
  for (const priority of ['high', 'normal', 'low'] as const) {
    const { job_id } = await addJob(aws.store, tenant, { priority });
    const body = JSON.stringify({ v: 1, tenant_id: tenant.tenantId, job_id, priority });
    await aws.queues.client.send(
      new SendMessageCommand({ QueueUrl: aws.queues.urls.dead, MessageBody: body }),
    );
  }
  await recorder.during('dead-letters', () => run(deadLetters, env, {}));
}

/** Overdue jobs of every priority, a parked one that nothing keeps any longer, and a tenant whose deletion was left half-way. */
export async function driveSweeper(
  { aws, recorder, env }: Drive,
  leaveHalfDeleted: () => Promise<void>,
): Promise<void> {
  const tenant = await createTestTenant(aws.store);
  for (const priority of ['high', 'normal', 'low'] as const) {
    await addJob(aws.store, tenant, { priority, next_check_at: Date.now() - 1000 });
  }
  await addJob(aws.store, tenant, { parked_for: parkedForSlot(tenant.tenantId) });
  await leaveHalfDeleted();
  await recorder.during('sweeper', async () => {
    await run(sweeper, env, {});
    // On AWS it also looks after the workers; local AWS has none.
    expect(await wakeWorkers(aws, { desired: async () => 0, raise: async () => undefined })).toBeGreaterThan(
      0,
    );
  });
}

/** The events with which Secrets Manager asked for a rotation, and one for a key that the provider refuses. */
export async function driveRotation({ recorder, env }: Drive, events: readonly unknown[]): Promise<void> {
  await recorder.during('rotation', async () => {
    for (const event of events) await run(rotation, env, event).catch(() => undefined);
  });
}
