import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Priority } from '../model/job.ts';
import type { JobMessage } from './job-message.ts';
import type { Queues } from './queues.ts';

/**
 * Puts a job into the queue of its priority. The tenant is the message group, so that one tenant's flood
 * does not delay another's (SQS fair queues). Sending twice is harmless: the claim decides.
 */
export async function sendJob(
  queues: Queues,
  job: { tenant_id: string; job_id: string; priority: Priority },
  delaySeconds = 0,
): Promise<void> {
  const message: JobMessage = { v: 1, tenant_id: job.tenant_id, job_id: job.job_id, priority: job.priority };
  await queues.client.send(
    new SendMessageCommand({
      QueueUrl: queues.urls[job.priority],
      MessageBody: JSON.stringify(message),
      MessageGroupId: job.tenant_id,
      ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
    }),
  );
}

/** Asks for a task of the tenant's own, which runs this job alone. */
export async function sendDedicated(
  queues: Queues,
  job: { tenant_id: string; job_id: string; priority: Priority },
): Promise<void> {
  const message: JobMessage = { v: 1, tenant_id: job.tenant_id, job_id: job.job_id, priority: job.priority };
  await queues.client.send(
    new SendMessageCommand({
      QueueUrl: queues.urls.dedicated,
      MessageBody: JSON.stringify(message),
      MessageGroupId: job.tenant_id,
    }),
  );
}

/** Tells the dead-letter queue of a job that the platform gave up on. */
export async function sendDeadLetter(
  queues: Queues,
  job: { tenant_id: string; job_id: string; priority: Priority },
): Promise<void> {
  const message: JobMessage = { v: 1, tenant_id: job.tenant_id, job_id: job.job_id, priority: job.priority };
  await queues.client.send(
    new SendMessageCommand({ QueueUrl: queues.urls.dead, MessageBody: JSON.stringify(message) }),
  );
}
