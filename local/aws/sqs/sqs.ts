import type { Database } from 'bun:sqlite';
import { type, type Type } from 'arktype';
import { AwsError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Call, JsonService, Now } from '../service.ts';
import { numberAttribute, withDefaults } from './attributes.ts';
import { batchInput, runBatch } from './batch.ts';
import { SQS_CODES } from './errors.ts';
import { createMessages } from './messages.ts';
import { createMoveTasks } from './move-tasks.ts';
import { ACCOUNT, createQueues, queueArn, queueNameOfUrl } from './queues.ts';
import { receive, receiveInput } from './receiving.ts';
import { createSchema } from './schema.ts';
import { prepare, sendEntry, sendInput, sizeOf } from './sending.ts';
import { createWaiters } from './waiters.ts';

type Options = {
  /** Where queue URLs begin: the server's own address. */
  readonly endpoint: () => string;
};
type Operation = (input: Record<string, unknown>, call: Call) => unknown;

const MAX_BATCH_BYTES = 1_048_576;
const ofQueue = type({ '+': 'reject', QueueUrl: 'string' });
const tags = type({ '[string]': 'string' });

const INPUTS = {
  createQueue: type({
    '+': 'reject',
    QueueName: 'string',
    'Attributes?': type({ '[string]': 'string' }),
    'tags?': tags,
  }),
  getQueueUrl: type({ '+': 'reject', QueueName: 'string', 'QueueOwnerAWSAccountId?': `'${ACCOUNT}'` }),
  listQueues: type({
    '+': 'reject',
    'QueueNamePrefix?': 'string',
    'MaxResults?': '1 <= number.integer <= 1000',
    'NextToken?': 'string',
  }),
  getAttributes: ofQueue.merge({ 'AttributeNames?': 'string[]' }),
  setAttributes: ofQueue.merge({ Attributes: type({ '[string]': 'string' }) }),
  deleteMessage: ofQueue.merge({ ReceiptHandle: 'string' }),
  deleteEntry: type({ '+': 'reject', Id: 'string', ReceiptHandle: 'string' }),
  changeVisibility: ofQueue.merge({
    ReceiptHandle: 'string',
    VisibilityTimeout: '0 <= number.integer <= 43200',
  }),
  visibilityEntry: type({
    '+': 'reject',
    Id: 'string',
    ReceiptHandle: 'string',
    'VisibilityTimeout?': '0 <= number.integer <= 43200',
  }),
  startMove: type({
    '+': 'reject',
    SourceArn: 'string',
    'DestinationArn?': 'string',
    'MaxNumberOfMessagesPerSecond?': '1 <= number.integer <= 500',
  }),
  listMoves: type({ '+': 'reject', SourceArn: 'string', 'MaxResults?': '1 <= number.integer <= 10' }),
  cancelMove: type({ '+': 'reject', TaskHandle: 'string' }),
  tagQueue: ofQueue.merge({ Tags: tags }),
  untagQueue: ofQueue.merge({ TagKeys: 'string[]' }),
} as const;

/** SQS standard queues, with fair ordering by message group. docs/local-aws.md says what it leaves out. */
export function createSqs(database: Database, now: Now, options: Options): JsonService {
  createSchema(database);
  const queues = createQueues(database, now);
  const messages = createMessages(database);
  const waiters = createWaiters();
  const moves = createMoveTasks(database, now, queues, waiters);
  const url = (name: string): string => `${options.endpoint()}/${ACCOUNT}/${name}`;
  const named = (input: { QueueUrl: string }): string => queues.get(queueNameOfUrl(input.QueueUrl)).name;

  const sendBatch = (name: string, entries: readonly object[], call: Call): object => {
    const queue = queues.get(name);
    let bytes = 0;
    const prepared: ReturnType<typeof prepare>['stored'][] = [];
    const result = runBatch(entries, sendEntry, (entry) => {
      bytes += sizeOf(entry);
      const { stored, sent } = prepare(queue, entry, now(), call.delivery);
      prepared.push(stored);
      return sent;
    });
    if (bytes > MAX_BATCH_BYTES) {
      throw new AwsError(
        'BatchRequestTooLong',
        `Batch requests cannot be longer than ${MAX_BATCH_BYTES} bytes. You have sent ${bytes} bytes.`,
      );
    }
    messages.send(prepared.flat());
    waiters.wake(name);
    return result;
  };

  const changeVisibility = (name: string, handle: string, seconds: number): object => {
    messages.changeVisibility(name, handle, seconds, now());
    waiters.wake(name);
    return {};
  };

  const queueAttributes = (name: string): Record<string, string> => {
    const queue = queues.get(name);
    const retentionMs = numberAttribute(queue.attributes, 'MessageRetentionPeriod') * 1000;
    const counts = messages.counts(name, now(), retentionMs);
    return {
      ...withDefaults(queue.attributes),
      QueueArn: queueArn(name),
      ApproximateNumberOfMessages: String(counts.visible),
      ApproximateNumberOfMessagesNotVisible: String(counts.inFlight),
      ApproximateNumberOfMessagesDelayed: String(counts.delayed),
      CreatedTimestamp: String(Math.floor(queue.createdAt / 1000)),
      LastModifiedTimestamp: String(Math.floor(queue.modifiedAt / 1000)),
    };
  };

  const operations: Record<string, Operation> = {
    CreateQueue: operation(INPUTS.createQueue, ({ QueueName, Attributes, tags: given }) => {
      queues.create(QueueName, Attributes ?? {}, given ?? {});
      return { QueueUrl: url(QueueName) };
    }),
    GetQueueUrl: operation(INPUTS.getQueueUrl, ({ QueueName }) => ({
      QueueUrl: url(queues.get(QueueName).name),
    })),
    ListQueues: operation(INPUTS.listQueues, ({ QueueNamePrefix, MaxResults, NextToken }) => {
      const all = queues.list(QueueNamePrefix ?? '').filter((name) => name > (NextToken ?? ''));
      const page = all.slice(0, MaxResults ?? 1000);
      const last = page.at(-1);
      const more = MaxResults !== undefined && all.length > page.length && last !== undefined;
      return { QueueUrls: page.map(url), ...(more ? { NextToken: last } : {}) };
    }),
    DeleteQueue: operation(ofQueue, (input) => {
      const name = named(input);
      queues.delete(name);
      waiters.wake(name);
    }),
    GetQueueAttributes: operation(INPUTS.getAttributes, (input) => {
      const attributes = queueAttributes(named(input));
      return { Attributes: pick(attributes, input.AttributeNames ?? []) };
    }),
    SetQueueAttributes: operation(INPUTS.setAttributes, (input) => {
      queues.setAttributes(named(input), input.Attributes);
    }),
    PurgeQueue: operation(ofQueue, (input) => {
      messages.purge(named(input));
    }),
    SendMessage: operation(sendInput, (input, call) => {
      const name = named(input);
      const { stored, sent } = prepare(queues.get(name), input, now(), call.delivery);
      messages.send(stored);
      waiters.wake(name);
      return sent;
    }),
    SendMessageBatch: operation(batchInput, (input, call) => sendBatch(named(input), input.Entries, call)),
    ReceiveMessage: operation(receiveInput, (input, call) =>
      receive({ queues, messages, waiters, now }, named(input), input, call),
    ),
    DeleteMessage: operation(INPUTS.deleteMessage, (input) => {
      messages.delete(named(input), input.ReceiptHandle);
    }),
    DeleteMessageBatch: operation(batchInput, (input) => {
      const name = named(input);
      return runBatch(input.Entries, INPUTS.deleteEntry, ({ ReceiptHandle }) => {
        messages.delete(name, ReceiptHandle);
        return {};
      });
    }),
    ChangeMessageVisibility: operation(INPUTS.changeVisibility, (input) =>
      changeVisibility(named(input), input.ReceiptHandle, input.VisibilityTimeout),
    ),
    ChangeMessageVisibilityBatch: operation(batchInput, (input) => {
      const name = named(input);
      const fallback = numberAttribute(queues.get(name).attributes, 'VisibilityTimeout');
      return runBatch(input.Entries, INPUTS.visibilityEntry, ({ ReceiptHandle, VisibilityTimeout }) =>
        changeVisibility(name, ReceiptHandle, VisibilityTimeout ?? fallback),
      );
    }),
    StartMessageMoveTask: operation(INPUTS.startMove, (input) =>
      moves.start(input.SourceArn, input.DestinationArn, input.MaxNumberOfMessagesPerSecond),
    ),
    ListMessageMoveTasks: operation(INPUTS.listMoves, ({ SourceArn, MaxResults }) =>
      moves.list(SourceArn, MaxResults ?? 1),
    ),
    CancelMessageMoveTask: operation(INPUTS.cancelMove, ({ TaskHandle }) => moves.cancel(TaskHandle)),
    TagQueue: operation(INPUTS.tagQueue, (input) => {
      const queue = queues.get(named(input));
      queues.setTags(queue.name, { ...queue.tags, ...input.Tags });
    }),
    UntagQueue: operation(INPUTS.untagQueue, (input) => {
      const queue = queues.get(named(input));
      const kept = Object.entries(queue.tags).filter(([key]) => !input.TagKeys.includes(key));
      queues.setTags(queue.name, Object.fromEntries(kept));
    }),
    ListQueueTags: operation(ofQueue, (input) => ({ Tags: queues.get(named(input)).tags })),
  };

  return {
    targetPrefix: 'AmazonSQS',
    jsonVersion: '1.0',
    operations: Object.keys(operations),
    handle: (name, input, call) => operations[name]?.(input, call),
    timeChanged: () => waiters.wakeAll(),
    stop() {
      moves.stop();
      waiters.stop();
    },
  };
}

/** An operation that parses its input first. */
function operation<T extends object>(schema: Type<T>, run: (input: T, call: Call) => unknown): Operation {
  return (input, call) => run(parseInput(schema, input, SQS_CODES), call);
}

function pick(attributes: Record<string, string>, names: readonly string[]): Record<string, string> {
  if (names.includes('All')) return attributes;
  const unknown = names.find((name) => !(name in attributes) && !SETTABLE_LATER.includes(name));
  if (unknown !== undefined) throw new AwsError('InvalidAttributeName', `Unknown Attribute ${unknown}.`);
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => names.includes(name)));
}

/** Attributes that exist, and are left out of the answer while they are not set. */
const SETTABLE_LATER: readonly string[] = [
  'Policy',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'KmsMasterKeyId',
  'KmsDataKeyReusePeriodSeconds',
];
