import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  SetQueueAttributesCommand,
  TagQueueCommand,
  UntagQueueCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { expect } from 'bun:test';
import { errorName, type Check } from '../contract.ts';
import { createQueue } from './queue.ts';

export const QUEUE_CHECKS: readonly Check<SQSClient>[] = [
  {
    what: 'a queue is created again with the same attributes, and found by its name',
    async run(client, name) {
      const first = await createQueue(client, name, { VisibilityTimeout: '77' });
      const second = await createQueue(client, name, { VisibilityTimeout: '77' });
      const found = await client.send(new GetQueueUrlCommand({ QueueName: name }));
      expect([second.url, found.QueueUrl]).toEqual([first.url, first.url]);
      expect(first.url.endsWith(`/${name}`)).toBe(true);
    },
  },
  {
    what: 'the same name with another attribute is QueueNameExists',
    async run(client, name) {
      await createQueue(client, name, { VisibilityTimeout: '77' });
      const again = client.send(
        new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: '78' } }),
      );
      expect(await errorName(again)).toBe('QueueNameExists');
    },
  },
  {
    what: 'an unknown queue is QueueDoesNotExist',
    async run(client, name) {
      const { url } = await createQueue(client, name);
      await client.send(new DeleteQueueCommand({ QueueUrl: url }));
      const byName = client.send(new GetQueueUrlCommand({ QueueName: name }));
      const byUrl = client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }));
      expect(await Promise.all([errorName(byName), errorName(byUrl)])).toEqual([
        'QueueDoesNotExist',
        'QueueDoesNotExist',
      ]);
    },
  },
  {
    what: 'a new queue has the documented defaults',
    async run(client, name) {
      const queue = await createQueue(client, name);
      expect(await queue.attributes()).toMatchObject({
        VisibilityTimeout: '30',
        MessageRetentionPeriod: '345600',
        DelaySeconds: '0',
        ReceiveMessageWaitTimeSeconds: '0',
        MaximumMessageSize: '1048576',
        ApproximateNumberOfMessages: '0',
      });
    },
  },
  {
    what: 'attributes are set, and a value out of range is InvalidAttributeValue',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const set = (value: string): Promise<unknown> =>
        client.send(
          new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { VisibilityTimeout: value } }),
        );
      await set('900');
      expect((await queue.attributes())['VisibilityTimeout']).toBe('900');
      expect(await errorName(set('43201'))).toBe('InvalidAttributeValue');
    },
  },
  {
    what: 'only the attributes asked for are answered',
    async run(client, name) {
      const { url } = await createQueue(client, name);
      const asked = await client.send(
        new GetQueueAttributesCommand({
          QueueUrl: url,
          AttributeNames: ['VisibilityTimeout', 'RedrivePolicy'],
        }),
      );
      expect(asked.Attributes).toEqual({ VisibilityTimeout: '30' });
    },
  },
  {
    what: 'queues are listed by prefix, page by page',
    async run(client, name) {
      const urls = await Promise.all(
        ['a', 'b', 'c'].map(async (letter) => (await createQueue(client, `${name}-${letter}`)).url),
      );
      const page = (token?: string): ListQueuesCommand =>
        new ListQueuesCommand({ QueueNamePrefix: name, MaxResults: 2, NextToken: token });
      const first = await client.send(page());
      const second = await client.send(page(first.NextToken));
      expect([first.QueueUrls?.length, second.QueueUrls?.length, second.NextToken]).toEqual([
        2,
        1,
        undefined,
      ]);
      expect([...(first.QueueUrls ?? []), ...(second.QueueUrls ?? [])].toSorted()).toEqual(urls.toSorted());
    },
  },
  {
    what: 'a purge empties the queue, in flight included',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('one');
      await queue.send('two');
      await queue.receive();
      await client.send(new PurgeQueueCommand({ QueueUrl: queue.url }));
      expect(await queue.attributes()).toMatchObject({
        ApproximateNumberOfMessages: '0',
        ApproximateNumberOfMessagesNotVisible: '0',
      });
    },
  },
  {
    what: 'tags are set, listed and removed',
    async run(client, name) {
      const { url } = await createQueue(client, name);
      await client.send(new TagQueueCommand({ QueueUrl: url, Tags: { a: '1', b: '2' } }));
      await client.send(new UntagQueueCommand({ QueueUrl: url, TagKeys: ['a'] }));
      expect((await client.send(new ListQueueTagsCommand({ QueueUrl: url }))).Tags).toEqual({ b: '2' });
    },
  },
  {
    what: 'a name with other characters is refused',
    async run(client) {
      const created = client.send(new CreateQueueCommand({ QueueName: 'no spaces' }));
      expect(await errorName(created)).toBe('InvalidParameterValue');
    },
  },
];
