import { createHash } from 'node:crypto';
import { type } from 'arktype';
import { AwsError } from '../errors.ts';
import type { DeliveryFault } from '../service.ts';
import { numberAttribute } from './attributes.ts';
import { invalidParameter } from './errors.ts';
import {
  attributesBytes,
  attributesMd5,
  checkMessageAttributes,
  messageAttributes,
} from './message-attributes.ts';
import type { Outgoing } from './messages.ts';
import type { Queue } from './queues.ts';

const members = {
  MessageBody: 'string',
  'DelaySeconds?': '0 <= number.integer <= 900',
  'MessageAttributes?': messageAttributes,
  'MessageGroupId?': 'string',
} as const;

export const sendInput = type({ '+': 'reject', QueueUrl: 'string', ...members });
export const sendEntry = type({ '+': 'reject', Id: 'string', ...members });
type Sending = Omit<typeof sendEntry.infer, 'Id'>;

export type Sent = {
  readonly MessageId: string;
  readonly MD5OfMessageBody: string;
  readonly MD5OfMessageAttributes?: string;
};

export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** Characters XML 1.0 allows, which is what SQS takes. */
const ALLOWED = /^[\u0009\u000A\u000D\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;
const GROUP = /^[\w!"#$%&'()*+,\-./:;<=>?@[\\\]^`{|}~]{1,128}$/;

/** The size that counts against a queue's limit: body and attributes, in bytes. */
export function sizeOf(sending: Sending): number {
  return Buffer.byteLength(sending.MessageBody) + attributesBytes(sending.MessageAttributes ?? {});
}

/**
 * Checks a message against its queue; answers what is stored, in as many copies as an injected fault asks
 * for (one without a fault), and what the sender is told. Throws AwsError.
 */
export function prepare(
  queue: Queue,
  sending: Sending,
  now: number,
  delivery: DeliveryFault | undefined,
): { readonly stored: readonly Outgoing[]; readonly sent: Sent } {
  check(queue, sending);
  const attributes = sending.MessageAttributes ?? {};
  const messageId = crypto.randomUUID();
  const delaySeconds = sending.DelaySeconds ?? numberAttribute(queue.attributes, 'DelaySeconds');
  const outgoing: Outgoing = {
    queue: queue.name,
    messageId,
    body: sending.MessageBody,
    attributes: JSON.stringify(attributes),
    groupId: sending.MessageGroupId ?? null,
    sentAt: now,
    visibleAt: now + delaySeconds * 1000 + (delivery?.lateMs ?? 0),
  };
  const copies = delivery?.lost === true ? 0 : (delivery?.copies ?? 1);
  const hasAttributes = Object.keys(attributes).length > 0;
  return {
    stored: Array.from({ length: copies }, () => outgoing),
    sent: {
      MessageId: messageId,
      MD5OfMessageBody: md5(sending.MessageBody),
      ...(hasAttributes ? { MD5OfMessageAttributes: attributesMd5(attributes) } : {}),
    },
  };
}

function check(queue: Queue, sending: Sending): void {
  if (sending.MessageBody === '') {
    throw new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  }
  if (!sending.MessageBody.isWellFormed() || !ALLOWED.test(sending.MessageBody)) {
    throw new AwsError('InvalidMessageContents', 'Invalid characters found. Valid unicode characters only.');
  }
  if (sending.MessageGroupId !== undefined && !GROUP.test(sending.MessageGroupId)) {
    throw invalidParameter('MessageGroupId', sending.MessageGroupId, '1 to 128 alphanumeric or punctuation.');
  }
  checkMessageAttributes(sending.MessageAttributes ?? {});
  const limit = numberAttribute(queue.attributes, 'MaximumMessageSize');
  if (sizeOf(sending) > limit) {
    throw new AwsError(
      'InvalidParameterValue',
      `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`,
    );
  }
}
