import type { SQSClient } from '@aws-sdk/client-sqs';
import type { QueueId } from '../queues.ts';

export type Queues = {
  readonly client: SQSClient;
  readonly urls: Readonly<Record<QueueId, string>>;
};
