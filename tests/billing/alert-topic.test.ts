import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { createAlertTopic } from '../../api/billing/deps.ts';
import { runBilling } from '../../api/billing/run-billing.ts';
import { createTestTenant } from '../harness/outpost.ts';
import { startMoto } from '../harness/moto.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createBillingWorld } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row B2: quota alerts reach a topic of SNS; moto's here, with a queue that subscribes to it. */

const moto = await startMoto();
if (moto === undefined) {
  test.skip('quota alerts reach an SNS topic on moto: it does not run here', () => undefined);
} else {
  const { endpoint } = moto;
  const config = { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'x', secretAccessKey: 'x' } };
  const sns = new SNSClient(config);
  const sqs = new SQSClient(config);
  afterAll(async () => {
    sns.destroy();
    sqs.destroy();
    await moto.stop();
  });

  describe('a quota alert', () => {
    test('reaches the topic once for each threshold, also when the topic was away before', async () => {
      const { TopicArn: topic = '' } = await sns.send(
        new CreateTopicCommand({ Name: 'outpost-quota-alerts' }),
      );
      const { QueueUrl: queue = '' } = await sqs.send(new CreateQueueCommand({ QueueName: 'subscriber' }));
      const subscriber = 'arn:aws:sqs:us-east-1:123456789012:subscriber';
      await sns.send(
        new SubscribeCommand({
          TopicArn: topic,
          Protocol: 'sqs',
          Endpoint: subscriber,
          Attributes: { RawMessageDelivery: 'true' },
        }),
      );
      const { local } = await sharedOutpost();
      const world = await createBillingWorld(local, '2039-04-30T00:00:00.000Z');
      const tenant = await createTestTenant(world.deps.store, {
        plan: 'free',
        limits: { jobs_per_period: 5 },
      });
      const env = { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: endpoint };
      const away = createAlertTopic(topic, { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' });
      const there = createAlertTopic(topic, env);
      const submit = () =>
        world.request('POST', '/jobs', { key: tenant.apiKey, body: { agent: 'codex', command: 'x' } });
      for (let job = 0; job < 5; job += 1) expect((await submit()).status).toBe(202);
      await runBilling({ ...world.deps, alertTopic: away });
      expect(world.lines.some((line) => line.includes('billing.alert_failed'))).toBe(true);
      await runBilling({ ...world.deps, alertTopic: there });
      await runBilling({ ...world.deps, alertTopic: there });
      const own = (await received(queue)).filter(({ body }) => body['tenant_id'] === tenant.tenantId);
      expect(own).toHaveLength(2);
      expect(new Set(own.map(({ body }) => body['threshold']))).toEqual(new Set([80, 100]));
      for (const { body, attributes } of own) {
        expect(body).toMatchObject({
          type: 'quota.alert',
          alert_id: `${tenant.tenantId}#${String(body['period_start'])}#${String(body['threshold'])}`,
        });
        expect(attributes).toEqual({ tenant_id: tenant.tenantId, threshold: String(body['threshold']) });
      }
    });
  });

  async function received(queue: string) {
    const messages = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queue,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ['All'],
        }),
      );
      if (Messages.length === 0) return messages;
      for (const { Body = '', MessageAttributes = {} } of Messages) {
        const body: Record<string, unknown> = JSON.parse(Body);
        const attributes = Object.fromEntries(
          Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]),
        );
        messages.push({ body, attributes });
      }
    }
  }
}
