import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type Message,
  type ReceiveMessageCommandInput,
  type SendMessageCommandInput,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** One queue and the calls a test makes most. */
export type TestQueue = {
  readonly url: string;
  readonly arn: string;
  send(body: string, more?: Partial<SendMessageCommandInput>): Promise<string>;
  receive(more?: Partial<ReceiveMessageCommandInput>): Promise<Message[]>;
  delete(message: Message): Promise<void>;
  hide(message: Message, seconds: number): Promise<void>;
  attributes(): Promise<Record<string, string>>;
};

export async function createQueue(
  client: SQSClient,
  name: string,
  attributes: Record<string, string> = {},
): Promise<TestQueue> {
  const created = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  const url = created.QueueUrl ?? '';
  const queue: Omit<TestQueue, 'arn'> = {
    url,
    async send(body, more) {
      const sent = await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body, ...more }));
      return sent.MessageId ?? '';
    },
    async receive(more) {
      const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl: url, ...more }));
      return Messages ?? [];
    },
    async delete({ ReceiptHandle }) {
      await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
    },
    async hide({ ReceiptHandle }, seconds) {
      await client.send(
        new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout: seconds }),
      );
    },
    async attributes() {
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
      );
      return Attributes ?? {};
    },
  };
  return { ...queue, arn: (await queue.attributes())['QueueArn'] ?? '' };
}

export const bodies = (messages: readonly Message[]): string[] =>
  messages.map(({ Body }) => Body ?? '').toSorted();
