import {
  CreateQueueCommand,
  ListMessageMoveTasksCommand,
  StartMessageMoveTaskCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { expect } from 'bun:test';
import { errorName, type Check } from '../contract.ts';
import { bodies, createQueue, type TestQueue } from './queue.ts';

export const REDRIVE_CHECKS: readonly Check<SQSClient>[] = [
  {
    what: 'a message received too often moves to the dead-letter queue as it was',
    async run(client, name) {
      const { source, dead } = await pair(client, name, 2);
      const id = await source.send('poison', {
        MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } },
        MessageGroupId: 'tenant-1',
      });
      const [first] = await source.receive({ VisibilityTimeout: 0, MessageSystemAttributeNames: ['All'] });
      await source.receive({ VisibilityTimeout: 0 });
      expect(await source.receive()).toEqual([]);
      const [moved] = await dead.receive({
        WaitTimeSeconds: 20,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      });
      expect(moved).toMatchObject({ MessageId: id, Body: 'poison' });
      expect(moved?.MessageAttributes).toMatchObject({ a: { StringValue: 'b' } });
      expect(moved?.Attributes?.MessageGroupId).toBe('tenant-1');
      expect(moved?.Attributes?.SentTimestamp).toBe(first?.Attributes?.SentTimestamp ?? 'none');
    },
  },
  {
    what: 'a poison message does not hold up the others',
    async run(client, name) {
      const { source } = await pair(client, name, 1);
      await source.send('poison');
      await source.receive({ VisibilityTimeout: 0 });
      await source.send('fine');
      expect(bodies(await source.receive({ MaxNumberOfMessages: 10 }))).toEqual(['fine']);
    },
  },
  {
    what: 'a redrive policy to a queue that is not there is refused',
    async run(client, name) {
      const created = client.send(
        new CreateQueueCommand({
          QueueName: name,
          Attributes: {
            RedrivePolicy: JSON.stringify({
              deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${name}-none`,
              maxReceiveCount: 3,
            }),
          },
        }),
      );
      expect(await errorName(created)).toBe('InvalidParameterValue');
    },
  },
  {
    what: 'a move task brings dead letters back to where they came from',
    async run(client, name) {
      const { source, dead } = await pair(client, name, 1);
      await source.send('a');
      await source.send('b');
      await source.receive({ MaxNumberOfMessages: 10, VisibilityTimeout: 0 });
      expect(await source.receive({ MaxNumberOfMessages: 10 })).toEqual([]);
      await client.send(new StartMessageMoveTaskCommand({ SourceArn: dead.arn }));
      const back = await source.receive({ MaxNumberOfMessages: 10, WaitTimeSeconds: 20 });
      if (back.length === 1) back.push(...(await source.receive({ WaitTimeSeconds: 20 })));
      expect(bodies(back)).toEqual(['a', 'b']);
      const tasks = await client.send(new ListMessageMoveTasksCommand({ SourceArn: dead.arn }));
      expect(tasks.Results?.[0]?.ApproximateNumberOfMessagesMoved).toBe(2);
    },
  },
  {
    what: 'a move task needs a dead-letter queue as its source',
    async run(client, name) {
      const plain = await createQueue(client, name);
      const started = client.send(new StartMessageMoveTaskCommand({ SourceArn: plain.arn }));
      expect(await errorName(started)).toBe('InvalidParameterValue');
    },
  },
];

async function pair(
  client: SQSClient,
  name: string,
  maxReceiveCount: number,
): Promise<{ source: TestQueue; dead: TestQueue }> {
  const dead = await createQueue(client, `${name}-dead`);
  const source = await createQueue(client, name, {
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount }),
  });
  return { source, dead };
}
