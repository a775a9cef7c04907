import { type SQSClient } from '@aws-sdk/client-sqs';
import { expect } from 'bun:test';
import { errorName, type Check } from '../contract.ts';
import { bodies, createQueue } from './queue.ts';

export const RECEIVE_CHECKS: readonly Check<SQSClient>[] = [
  {
    what: 'a received message is hidden, then delivered again with a higher count',
    async run(client, name) {
      const queue = await createQueue(client, name, { VisibilityTimeout: '600' });
      const id = await queue.send('x');
      const [first] = await queue.receive();
      expect(await queue.receive()).toEqual([]);
      expect(await queue.attributes()).toMatchObject({
        ApproximateNumberOfMessages: '0',
        ApproximateNumberOfMessagesNotVisible: '1',
      });
      await queue.hide(first ?? {}, 1);
      const [again] = await queue.receive({ WaitTimeSeconds: 20, MessageSystemAttributeNames: ['All'] });
      expect(again?.MessageId).toBe(id);
      expect(again?.Attributes?.ApproximateReceiveCount).toBe('2');
    },
  },
  {
    what: 'a deleted message never comes back',
    async run(client, name) {
      const queue = await createQueue(client, name, { VisibilityTimeout: '1' });
      await queue.send('x');
      const [message] = await queue.receive();
      await queue.delete(message ?? {});
      await queue.delete(message ?? {});
      expect(await queue.receive({ WaitTimeSeconds: 2 })).toEqual([]);
    },
  },
  {
    what: 'the handle of an earlier receive does not delete',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x');
      const [first] = await queue.receive({ VisibilityTimeout: 0 });
      const [second] = await queue.receive();
      expect(second?.ReceiptHandle).not.toBe(first?.ReceiptHandle);
      await queue.delete(first ?? {});
      expect((await queue.attributes())['ApproximateNumberOfMessagesNotVisible']).toBe('1');
      await queue.delete(second ?? {});
      expect((await queue.attributes())['ApproximateNumberOfMessagesNotVisible']).toBe('0');
    },
  },
  {
    what: 'visibility 0 gives a message back at once, and its handle still deletes it',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x');
      const [message] = await queue.receive();
      await queue.hide(message ?? {}, 0);
      expect((await queue.attributes())['ApproximateNumberOfMessages']).toBe('1');
      await queue.delete(message ?? {});
      expect((await queue.attributes())['ApproximateNumberOfMessages']).toBe('0');
    },
  },
  {
    what: 'visibility can be extended past the queue’s own',
    async run(client, name) {
      const queue = await createQueue(client, name, { VisibilityTimeout: '10' });
      await queue.send('x');
      const [message] = await queue.receive();
      await queue.hide(message ?? {}, 60);
      expect(await queue.receive({ WaitTimeSeconds: 12 })).toEqual([]);
    },
  },
  {
    what: 'the visibility of a message not in flight cannot change',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x');
      const [message] = await queue.receive();
      await queue.hide(message ?? {}, 0);
      expect(await errorName(queue.hide(message ?? {}, 60))).toBe('MessageNotInflight');
    },
  },
  {
    what: 'the visibility of a deleted message cannot change',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x');
      const [message] = await queue.receive();
      await queue.delete(message ?? {});
      expect(await errorName(queue.hide(message ?? {}, 60))).toBe('InvalidParameterValue');
    },
  },
  {
    what: 'a message is in flight for 12 hours at most',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x');
      const [message] = await queue.receive();
      await Bun.sleep(1100);
      expect(await errorName(queue.hide(message ?? {}, 43_200))).toBe('InvalidParameterValue');
      await queue.hide(message ?? {}, 43_100);
    },
  },
  {
    what: 'a long poll ends with the message that is sent during it',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const started = performance.now();
      const polling = queue.receive({ WaitTimeSeconds: 20 });
      await Bun.sleep(300);
      await queue.send('x');
      expect(bodies(await polling)).toEqual(['x']);
      // Well before the 20 s, but no promise about a busy machine.
      expect(performance.now() - started).toBeLessThan(15_000);
    },
  },
  {
    what: 'a long poll without a message ends after its time, empty',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const started = performance.now();
      expect(await queue.receive({ WaitTimeSeconds: 1 })).toEqual([]);
      expect(performance.now() - started).toBeGreaterThan(900);
    },
  },
  {
    what: 'a long poll ends with the message that is given back during it',
    async run(client, name) {
      const queue = await createQueue(client, name);
      await queue.send('x');
      const [message] = await queue.receive();
      const polling = queue.receive({ WaitTimeSeconds: 15 });
      await Bun.sleep(300);
      await queue.hide(message ?? {}, 0);
      expect(bodies(await polling)).toEqual(['x']);
    },
  },
  {
    what: 'a delay holds a message back and a long poll ends with it',
    async run(client, name) {
      const queue = await createQueue(client, name, { DelaySeconds: '900' });
      await queue.send('much later');
      expect(await queue.receive()).toEqual([]);
      expect((await queue.attributes())['ApproximateNumberOfMessagesDelayed']).toBe('1');
      await queue.send('late', { DelaySeconds: 1 });
      expect(bodies(await queue.receive({ WaitTimeSeconds: 20, MaxNumberOfMessages: 10 }))).toEqual(['late']);
    },
  },
  {
    what: 'each message goes to one of many receivers',
    async run(client, name) {
      const queue = await createQueue(client, name);
      const sent = Array.from({ length: 20 }, (_, index) => `m${index}`);
      await Promise.all(sent.map((body) => queue.send(body)));
      const polls = await Promise.all(
        Array.from({ length: 10 }, () => queue.receive({ MaxNumberOfMessages: 4, WaitTimeSeconds: 1 })),
      );
      expect(bodies(polls.flat())).toEqual(sent.toSorted());
    },
  },
  {
    what: 'parameters out of range are InvalidParameterValue',
    async run(client, name) {
      const queue = await createQueue(client, name);
      expect([
        await errorName(queue.receive({ MaxNumberOfMessages: 11 })),
        await errorName(queue.receive({ WaitTimeSeconds: 21 })),
        await errorName(queue.receive({ VisibilityTimeout: 43_201 })),
        await errorName(queue.send('x', { DelaySeconds: 901 })),
      ]).toEqual(Array.from({ length: 4 }, () => 'InvalidParameterValue'));
    },
  },
];
