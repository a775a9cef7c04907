import { afterEach, describe, expect, test } from 'bun:test';
import { openDatabase } from '../../../local/aws/database.ts';
import type { JsonService } from '../../../local/aws/service.ts';
import { createSqs } from '../../../local/aws/sqs/sqs.ts';

// What takes days or depends on the exact order: the service itself, with a clock of the test's own.
let time = Date.UTC(2026, 0, 1);
const services: JsonService[] = [];
afterEach(() => {
  for (const service of services.splice(0)) service.stop?.();
});

type Received = { Body: string; MessageId: string; ReceiptHandle: string };

function queue(attributes: Record<string, string> = {}) {
  const sqs = createSqs(openDatabase(undefined), () => time, { endpoint: () => 'http://127.0.0.1' });
  services.push(sqs);
  const call = async (
    operation: string,
    input: Record<string, unknown>,
  ): Promise<Record<string, unknown>> => {
    const output = await sqs.handle(operation, input, { signal: new AbortController().signal });
    return typeof output === 'object' && output !== null ? { ...output } : {};
  };
  const QueueUrl = 'http://127.0.0.1/000000000000/q';
  const created = call('CreateQueue', { QueueName: 'q', Attributes: attributes });
  return {
    async send(body: string, group?: string): Promise<void> {
      await created;
      const input = {
        QueueUrl,
        MessageBody: body,
        ...(group === undefined ? {} : { MessageGroupId: group }),
      };
      await call('SendMessage', input);
    },
    async receive(max = 1): Promise<Received[]> {
      const { Messages } = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: max });
      return (Messages ?? []) as Received[];
    },
    async delete({ ReceiptHandle }: Received): Promise<void> {
      await call('DeleteMessage', { QueueUrl, ReceiptHandle });
    },
    async visible(): Promise<unknown> {
      const names = ['ApproximateNumberOfMessages'];
      return (await call('GetQueueAttributes', { QueueUrl, AttributeNames: names }))['Attributes'];
    },
  };
}

const bodiesOf = (messages: readonly Received[]): string[] => messages.map(({ Body }) => Body);

describe('fair order', () => {
  test('a flood of one group does not delay another group', async () => {
    const { send, receive } = queue();
    for (let n = 0; n < 50; n += 1) await send(`noisy ${n}`, 'noisy');
    await receive(10);
    await send('quiet 0', 'quiet');
    await send('quiet 1', 'quiet');
    expect(bodiesOf(await receive(3))).toEqual(['quiet 0', 'quiet 1', 'noisy 10']);
  });
  test('one receive of many messages takes turns between the groups', async () => {
    const { send, receive } = queue();
    for (let n = 0; n < 3; n += 1) await send(`a${n}`, 'a');
    for (let n = 0; n < 3; n += 1) await send(`b${n}`, 'b');
    expect(bodiesOf(await receive(4))).toEqual(['a0', 'b0', 'a1', 'b1']);
  });
  test('a group whose work is done is no longer behind', async () => {
    const { send, receive, delete: remove } = queue();
    for (let n = 0; n < 4; n += 1) await send(`a${n}`, 'a');
    const inFlight = await receive(3);
    await send('b0', 'b');
    for (const message of inFlight) await remove(message);
    expect(bodiesOf(await receive(2))).toEqual(['a3', 'b0']);
  });
  test('messages without a group keep the order they were sent in', async () => {
    const { send, receive } = queue();
    for (let n = 0; n < 5; n += 1) await send(`m${n}`);
    expect(bodiesOf(await receive(5))).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  });
});

describe('retention', () => {
  test('a message is gone after its period, counted from its send', async () => {
    const { send, receive, visible } = queue({ MessageRetentionPeriod: '3600' });
    await send('old');
    time += 3_599_000;
    expect(bodiesOf(await receive())).toEqual(['old']);
    await send('new');
    time += 2000;
    expect(await visible()).toEqual({ ApproximateNumberOfMessages: '1' });
    time += 60_000;
    expect(bodiesOf(await receive(10))).toEqual(['new']);
  });
});
