import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import type { Priority } from '../model/job.ts';
import { type JobMessage, parseJobMessage } from './job-message.ts';
import type { Queues } from './queues.ts';

/**
 * What a worker was told to do: a message in its hands until its visibility timeout ends, or a job that it was
 * started for, which has none.
 */
export type ReceivedJob = {
  readonly priority: Priority;
  /** Null without a message: there is nothing to hide or delete. */
  readonly receiptHandle: string | null;
  /** Undefined when the body is no job message. */
  readonly message: JobMessage | undefined;
  readonly receiveCount: number;
  /** Epoch milliseconds of the send: the age at the claim is measured from it. Null without a message. */
  readonly sentAt: number | null;
};

/** Receives up to `max` messages of one priority, waiting up to `waitSeconds` (20 at most) for the first. */
export async function receiveJobs(
  queues: Queues,
  priority: Priority,
  options: { max: number; waitSeconds: number; visibilitySeconds: number; signal?: AbortSignal },
): Promise<ReceivedJob[]> {
  const answer = await queues.client.send(
    new ReceiveMessageCommand({
      QueueUrl: queues.urls[priority],
      MaxNumberOfMessages: options.max,
      WaitTimeSeconds: options.waitSeconds,
      VisibilityTimeout: options.visibilitySeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
    }),
    options.signal === undefined ? {} : { abortSignal: options.signal },
  );
  return (answer.Messages ?? []).map((message) => ({
    priority,
    receiptHandle: message.ReceiptHandle ?? '',
    message: parseJobMessage(message.Body ?? ''),
    receiveCount: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
    sentAt: Number(message.Attributes?.SentTimestamp ?? 0),
  }));
}

/** Keeps a message invisible for so long from now. */
export async function extendVisibility(queues: Queues, job: ReceivedJob, seconds: number): Promise<void> {
  if (job.receiptHandle === null) return;
  await queues.client.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: queues.urls[job.priority],
      ReceiptHandle: job.receiptHandle,
      VisibilityTimeout: seconds,
    }),
  );
}

export async function deleteMessage(queues: Queues, job: ReceivedJob): Promise<void> {
  if (job.receiptHandle === null) return;
  await queues.client.send(
    new DeleteMessageCommand({ QueueUrl: queues.urls[job.priority], ReceiptHandle: job.receiptHandle }),
  );
}
