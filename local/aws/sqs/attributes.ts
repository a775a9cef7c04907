import { type } from 'arktype';
import { AwsError } from '../errors.ts';
import { invalidParameter, notImplemented } from './errors.ts';

/** A queue's stored attributes: strings, as the API speaks of them. */
export type QueueAttributes = Readonly<Record<string, string>>;

type Range = { readonly minimum: number; readonly maximum: number; readonly fallback: number };

/** Source: SQS API reference, SetQueueAttributes. Sizes in bytes, times in seconds. */
const NUMBERS = {
  VisibilityTimeout: { minimum: 0, maximum: 43_200, fallback: 30 },
  MaximumMessageSize: { minimum: 1024, maximum: 1_048_576, fallback: 1_048_576 },
  MessageRetentionPeriod: { minimum: 60, maximum: 1_209_600, fallback: 345_600 },
  DelaySeconds: { minimum: 0, maximum: 900, fallback: 0 },
  ReceiveMessageWaitTimeSeconds: { minimum: 0, maximum: 20, fallback: 0 },
} as const satisfies Record<string, Range>;

export type NumberAttribute = keyof typeof NUMBERS;

const isNumberAttribute = (name: string): name is NumberAttribute => name in NUMBERS;

/** Attributes that are kept and answered, without any effect on one machine. */
const INERT: readonly string[] = [
  'Policy',
  'RedriveAllowPolicy',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
  'SqsManagedSseEnabled',
];

export function numberAttribute(attributes: QueueAttributes, name: NumberAttribute): number {
  return Number(attributes[name] ?? NUMBERS[name].fallback);
}

/** Every attribute that can be set, with AWS's defaults filled in. */
export function withDefaults(attributes: QueueAttributes): QueueAttributes {
  const numbers = Object.entries(NUMBERS).map(([name, { fallback }]) => [name, String(fallback)] as const);
  return { ...Object.fromEntries(numbers), SqsManagedSseEnabled: 'true', ...attributes };
}

export type RedrivePolicy = { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number };

const redrivePolicy = type('string.json.parse').to({
  '+': 'reject',
  deadLetterTargetArn: /^arn:aws:sqs:[^:]+:\d{12}:[\w-]{1,80}$/,
  maxReceiveCount: type('1 <= number.integer <= 1000').or(
    type('string.integer.parse').to('1 <= number.integer <= 1000'),
  ),
});

export function readRedrivePolicy(attributes: QueueAttributes): RedrivePolicy | undefined {
  const text = attributes['RedrivePolicy'];
  return text === undefined ? undefined : redrivePolicy.assert(text);
}

/**
 * Checks attributes that a client sets and brings them into their stored form. An empty value removes an
 * attribute, which is how a redrive policy is taken away. Throws AwsError naming the first wrong one.
 */
export function parseAttributes(
  input: QueueAttributes,
  queueExists: (arn: string) => boolean,
): QueueAttributes {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, parseAttribute(name, value, queueExists)]),
  );
}

function parseAttribute(name: string, value: string, queueExists: (arn: string) => boolean): string {
  if (isNumberAttribute(name)) return parseNumber(name, value);
  if (name === 'RedrivePolicy') return value === '' ? '' : parseRedrive(value, queueExists);
  if (INERT.includes(name)) return value;
  if (/fifo|deduplication|throughput/i.test(name)) throw notImplemented(`FIFO queues (attribute ${name})`);
  throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
}

function parseNumber(name: NumberAttribute, value: string): string {
  const { minimum, maximum } = NUMBERS[name];
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < minimum || number > maximum) {
    throw new AwsError('InvalidAttributeValue', `Invalid value for the parameter ${name}.`);
  }
  return String(number);
}

function parseRedrive(value: string, queueExists: (arn: string) => boolean): string {
  const policy = redrivePolicy(value);
  if (policy instanceof type.errors) throw invalidParameter('RedrivePolicy', value, policy.summary);
  if (!queueExists(policy.deadLetterTargetArn)) {
    throw invalidParameter('RedrivePolicy', value, 'Dead letter target does not exist.');
  }
  return JSON.stringify(policy);
}
