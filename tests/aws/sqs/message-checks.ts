import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { expect } from 'bun:test';
import { errorName, type Check } from '../contract.ts';
import { bodies, createQueue } from './queue.ts';

const KIBIBYTE = 1024;

export const MESSAGE_CHECKS: readonly Check<SQSClient>[] = [
  {
    // The SDK itself verifies MD5OfMessageBody and MD5OfMessageAttributes and throws where they differ.
    what: 'a message comes back with its body, attributes, group and times',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const before = Date.now();
      const attributes = {
        text: { DataType: 'String', StringValue: 'größe ☃' },
        count: { DataType: 'Number.int', StringValue: '42' },
        bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255, 7]) },
      };
      const id = await queue.send('body <&> ☃', {
        MessageAttributes: attributes,
        MessageGroupId: 'tenant-1',
      });
      const [message] = await queue.receive({
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      });
      expect(message).toMatchObject({ MessageId: id, Body: 'body <&> ☃' });
      expect(message?.MessageAttributes).toEqual(attributes);
      expect(message?.Attributes).toMatchObject({ ApproximateReceiveCount: '1', MessageGroupId: 'tenant-1' });
      const sent = Number(message?.Attributes?.SentTimestamp);
      expect(sent).toBeGreaterThanOrEqual(before - 1000);
      expect(sent).toBeLessThanOrEqual(Date.now() + 1000);
    },
  },
  {
    what: 'attributes are answered only when asked for',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x', { MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } } });
      const [message] = await queue.receive();
      expect([message?.Attributes, message?.MessageAttributes]).toEqual([undefined, undefined]);
    },
  },
  {
    what: 'one system attribute can be asked for',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x');
      const [message] = await queue.receive({ MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
      expect(message?.Attributes).toEqual({ ApproximateReceiveCount: '1' });
    },
  },
  {
    what: 'a body of 1 MiB is taken, one byte more is not',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const body = 'x'.repeat(KIBIBYTE * KIBIBYTE);
      await queue.send(body);
      expect((await queue.receive())[0]?.Body?.length).toBe(body.length);
      expect(await errorName(queue.send(`${body}x`))).toBe('InvalidParameterValue');
    },
  },
  {
    what: 'an empty body is refused',
    async run(client, name) {
      const queue = await createQueue(client, name);
      expect(await errorName(queue.send(''))).toBe('MissingParameter');
    },
  },
  {
    what: 'a control character in the body is InvalidMessageContents',
    async run(client, name) {
      const queue = await createQueue(client, name);
      expect(await errorName(queue.send('a\u0001b'))).toBe('InvalidMessageContents');
    },
  },
  {
    what: 'a batch is sent, hidden and deleted entry by entry',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const sent = await client.send(
        new SendMessageBatchCommand({ QueueUrl: queue.url, Entries: entries('a', 'b', 'c') }),
      );
      expect(sent.Successful?.map(({ Id }) => Id)).toEqual(['a', 'b', 'c']);
      const received = await queue.receive({ MaxNumberOfMessages: 10 });
      expect(bodies(received)).toEqual(['body a', 'body b', 'body c']);
      const handles = received.map(({ ReceiptHandle }, index) => ({ Id: `e${index}`, ReceiptHandle }));
      const hidden = await client.send(
        new ChangeMessageVisibilityBatchCommand({
          QueueUrl: queue.url,
          Entries: handles.map((entry) => ({ ...entry, VisibilityTimeout: 0 })),
        }),
      );
      expect(hidden.Successful?.length).toBe(3);
      const again = await queue.receive({ MaxNumberOfMessages: 10 });
      const deleted = await client.send(
        new DeleteMessageBatchCommand({
          QueueUrl: queue.url,
          Entries: [
            ...again.map(({ ReceiptHandle }, index) => ({ Id: `e${index}`, ReceiptHandle })),
            { Id: 'bad', ReceiptHandle: 'not a handle' },
          ],
        }),
      );
      expect(deleted.Successful?.length).toBe(3);
      expect(deleted.Failed).toMatchObject([
        { Id: 'bad', Code: 'ReceiptHandleIsInvalid', SenderFault: true },
      ]);
      expect((await queue.attributes())['ApproximateNumberOfMessagesNotVisible']).toBe('0');
    },
  },
  {
    what: 'one entry of a batch fails alone',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const bad = { Id: 'bad', MessageBody: 'a\u0001b' };
      const sent = await client.send(
        new SendMessageBatchCommand({
          QueueUrl: queue.url,
          Entries: [...entries('good'), bad],
        }),
      );
      expect(sent.Successful).toMatchObject([{ Id: 'good' }]);
      expect(sent.Failed).toMatchObject([{ Id: 'bad', Code: 'InvalidMessageContents', SenderFault: true }]);
    },
  },
  {
    what: 'a wrong batch is refused whole',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const send = (list: SendMessageBatchRequestEntry[]): Promise<string> =>
        errorName(client.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries: list })));
      const eleven = entries(...Array.from({ length: 11 }, (_, index) => `e${index}`));
      const big = entries('a', 'b').map((entry) => ({ ...entry, MessageBody: 'x'.repeat(600 * KIBIBYTE) }));
      expect([
        await send([]),
        await send(eleven),
        await send(entries('a', 'a')),
        await send(entries('not valid')),
        await send(big),
      ]).toEqual([
        'EmptyBatchRequest',
        'TooManyEntriesInBatchRequest',
        'BatchEntryIdsNotDistinct',
        'InvalidBatchEntryId',
        'BatchRequestTooLong',
      ]);
      expect((await queue.attributes())['ApproximateNumberOfMessages']).toBe('0');
    },
  },
  {
    what: 'a text that is no receipt handle is ReceiptHandleIsInvalid',
    async run(client, name) {
      const { url } = await createQueue(client, name);
      const deleted = client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: 'nonsense' }));
      expect(await errorName(deleted)).toBe('ReceiptHandleIsInvalid');
    },
  },
  {
    what: 'a deduplication id is refused on a standard queue',
    async run(client, name) {
      const { url } = await createQueue(client, name);
      const sent = client.send(
        new SendMessageCommand({ QueueUrl: url, MessageBody: 'x', MessageDeduplicationId: 'd' }),
      );
      expect(await errorName(sent)).toBe('InvalidParameterValue');
    },
  },
];

function entries(...ids: string[]): SendMessageBatchRequestEntry[] {
  return ids.map((Id) => ({ Id, MessageBody: `body ${Id}` }));
}
