// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { SqsQueuePolicy } from '@cdktf/provider-aws/lib/sqs-queue-policy';
import { SqsQueueRedriveAllowPolicy } from '@cdktf/provider-aws/lib/sqs-queue-redrive-allow-policy';
import { type App, TerraformOutput, type TerraformStack } from 'cdktf';
import { type Queue, type QueueId, QUEUES } from '../shared/queues.ts';
import { outpostStack } from './constructs/outpost-stack.ts';
import type { Names } from './names.ts';
import type { Settings } from './settings.ts';

/** Seconds that a receive waits for a message unless it says otherwise. */
const LONG_POLL_SECONDS = 20;

/** The job queues by priority, the audit queue, and where their failures go. */
export function queuesStack(app: App, settings: Settings, names: Names): TerraformStack {
  const stack = outpostStack(app, 'queues', settings);
  const made = new Map<string, SqsQueue>();
  for (const [id, spec] of deadLettersFirst(Object.entries(QUEUES) as [QueueId, Queue][])) {
    const deadLetterQueue = made.get(spec.deadLetter?.queue ?? '');
    const queue = new SqsQueue(stack, id, {
      name: names.queue(id),
      visibilityTimeoutSeconds: spec.visibilityTimeoutSeconds,
      messageRetentionSeconds: spec.retentionSeconds,
      receiveWaitTimeSeconds: LONG_POLL_SECONDS,
      sqsManagedSseEnabled: true,
      ...(spec.deadLetter === undefined || deadLetterQueue === undefined
        ? {}
        : {
            dependsOn: [deadLetterQueue],
            redrivePolicy: JSON.stringify({
              deadLetterTargetArn: names.queueArn(spec.deadLetter.queue as QueueId),
              maxReceiveCount: spec.deadLetter.maxReceiveCount,
            }),
          }),
    });
    made.set(id, queue);
    new SqsQueuePolicy(stack, `${id}-policy`, { queueUrl: queue.url, policy: tlsOnly(names.queueArn(id)) });
    allowRedrive(stack, id, queue, names);
    new TerraformOutput(stack, `${id}_url`, { value: queue.url });
  }
  return stack;
}

/** A queue can name its dead-letter queue only once that exists. */
const deadLettersFirst = (queues: [QueueId, Queue][]): [QueueId, Queue][] =>
  queues.toSorted(([, a], [, b]) => Number(a.deadLetter !== undefined) - Number(b.deadLetter !== undefined));

/** A dead-letter queue takes letters from its own queues only. */
function allowRedrive(stack: TerraformStack, id: QueueId, queue: SqsQueue, names: Names): void {
  const sources = (Object.entries(QUEUES) as [QueueId, Queue][])
    .filter(([, { deadLetter }]) => deadLetter?.queue === id)
    .map(([source]) => names.queueArn(source));
  if (sources.length === 0) return;
  new SqsQueueRedriveAllowPolicy(stack, `${id}-sources`, {
    queueUrl: queue.url,
    redriveAllowPolicy: JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: sources }),
  });
}

const tlsOnly = (arn: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:*',
        Resource: arn,
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  });
