import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Priority } from '../model/job.ts';
import type { JobMessage } from './job-message.ts';
import type { Queues } from './queues.ts';

type JobName = { readonly tenant_id: string; readonly job_id: string; readonly priority: Priority };

const bodyOf = ({ tenant_id, job_id, priority }: JobName): string =>
  JSON.stringify({ v: 1, tenant_id, job_id, priority } satisfies JobMessage);

/**
 * Puts a job into the queue of its priority. The tenant is the message group, so that one tenant's flood
 * does not delay another's (SQS fair queues). Sending twice is harmless: the claim decides.
 */
export async function sendJob(queues: Queues, job: JobName, delaySeconds = 0): Promise<void> {
  await queues.client.send(
    new SendMessageCommand({
      QueueUrl: queues.urls[job.priority],
      MessageBody: bodyOf(job),
      MessageGroupId: job.tenant_id,
      ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
    }),
  );
}

/** Asks for a task of the tenant's own, which runs this job alone. */
export async function sendDedicated(queues: Queues, job: JobName): Promise<void> {
  await queues.client.send(
    new SendMessageCommand({
      QueueUrl: queues.urls.dedicated,
      MessageBody: bodyOf(job),
      MessageGroupId: job.tenant_id,
    }),
  );
}

/** Tells the dead-letter queue of a job that the platform gave up on. */
export async function sendDeadLetter(queues: Queues, job: JobName): Promise<void> {
  await queues.client.send(new SendMessageCommand({ QueueUrl: queues.urls.dead, MessageBody: bodyOf(job) }));
}
