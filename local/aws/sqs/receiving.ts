import { type } from 'arktype';
import type { Call, Now } from '../service.ts';
import { numberAttribute, readRedrivePolicy } from './attributes.ts';
import { attributesMd5, selectAttributes, type MessageAttributes } from './message-attributes.ts';
import type { Messages, Received } from './messages.ts';
import { queueNameOfArn, type Queue, type Queues } from './queues.ts';
import { md5 } from './sending.ts';
import type { Waiters } from './waiters.ts';

/** What local AWS can answer of a received message's system attributes. */
const SYSTEM_ATTRIBUTES = [
  'SenderId',
  'SentTimestamp',
  'ApproximateReceiveCount',
  'ApproximateFirstReceiveTimestamp',
  'MessageGroupId',
  'DeadLetterQueueSourceArn',
] as const;

const systemAttributeName = type.enumerated('All', 'AWSTraceHeader', ...SYSTEM_ATTRIBUTES);

export const receiveInput = type({
  '+': 'reject',
  QueueUrl: 'string',
  'MaxNumberOfMessages?': '1 <= number.integer <= 10',
  'VisibilityTimeout?': '0 <= number.integer <= 43200',
  'WaitTimeSeconds?': '0 <= number.integer <= 20',
  'AttributeNames?': systemAttributeName.array(),
  'MessageSystemAttributeNames?': systemAttributeName.array(),
  'MessageAttributeNames?': 'string[]',
});
export type ReceiveInput = typeof receiveInput.infer;

type Parts = {
  readonly queues: Queues;
  readonly messages: Messages;
  readonly waiters: Waiters;
  readonly now: Now;
};

/**
 * Receives at once, or waits: until a message is sent, becomes visible or ends its delay, until
 * WaitTimeSeconds are over, or until the client goes away. A client that is gone takes no message.
 */
export async function receive(parts: Parts, name: string, input: ReceiveInput, call: Call): Promise<unknown> {
  const { waiters, messages, now } = parts;
  const first = parts.queues.get(name);
  const waitSeconds =
    input.WaitTimeSeconds ?? numberAttribute(first.attributes, 'ReceiveMessageWaitTimeSeconds');
  const deadline = now() + waitSeconds * 1000;
  for (;;) {
    if (call.signal.aborted) return {};
    // Read again after each wait: the queue may have changed or gone.
    const received = takeFrom(parts, parts.queues.get(name), input, call);
    if (received.length > 0) return { Messages: received.map((message) => present(message, input)) };
    const time = now();
    if (time >= deadline || waiters.stopped) return {};
    const wakeAt = Math.min(messages.nextVisibleAt(name, time) ?? deadline, deadline);
    await waiters.wait(name, Math.max(1, wakeAt - time), call.signal);
  }
}

function takeFrom(parts: Parts, queue: Queue, input: ReceiveInput, call: Call): readonly Received[] {
  const policy = readRedrivePolicy(queue.attributes);
  const deadLetters = policy && parts.queues.lookup(queueNameOfArn(policy.deadLetterTargetArn));
  const visibility = input.VisibilityTimeout ?? numberAttribute(queue.attributes, 'VisibilityTimeout');
  const { received, moved } = parts.messages.take({
    queue: queue.name,
    now: parts.now(),
    max: input.MaxNumberOfMessages ?? 1,
    visibilityMs: visibility * 1000,
    retentionMs: numberAttribute(queue.attributes, 'MessageRetentionPeriod') * 1000,
    ...(policy && deadLetters
      ? { redrive: { queue: deadLetters.name, maxReceiveCount: policy.maxReceiveCount } }
      : {}),
    ...(call.delivery === undefined ? {} : { delivery: call.delivery }),
  });
  if (moved && deadLetters) parts.waiters.wake(deadLetters.name);
  return received;
}

function present(message: Received, input: ReceiveInput): Record<string, unknown> {
  const system = systemAttributes(message, [
    ...(input.AttributeNames ?? []),
    ...(input.MessageSystemAttributeNames ?? []),
  ]);
  const stored: MessageAttributes = JSON.parse(message.attributes);
  const user = selectAttributes(stored, input.MessageAttributeNames ?? []);
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(Object.keys(system).length === 0 ? {} : { Attributes: system }),
    ...(Object.keys(user).length === 0
      ? {}
      : { MessageAttributes: user, MD5OfMessageAttributes: attributesMd5(user) }),
  };
}

function systemAttributes(message: Received, wanted: readonly string[]): Record<string, string> {
  const all: Record<(typeof SYSTEM_ATTRIBUTES)[number], string | null> = {
    SenderId: 'AIDALOCALAWS',
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    MessageGroupId: message.groupId,
    DeadLetterQueueSourceArn: message.deadLetterSource,
  };
  const chosen: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    if (value !== null && (wanted.includes('All') || wanted.includes(name))) chosen[name] = value;
  }
  return chosen;
}
