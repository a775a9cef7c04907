// The peer of bench/cold-start: what many would write instead, kept as light as it can be. Hono with zod, the
// clients of the AWS services that the API needs at its start, and two routes.
import { createHmac, randomUUID } from 'node:crypto';
import { DynamoDBClient, GetItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Hono } from 'hono';
import { z } from 'zod';
import { runLoop } from './loop.mjs';

const dynamo = new DynamoDBClient({});
const sqs = new SQSClient({});
const secrets = new SecretsManagerClient({});

const JobRequest = z.strictObject({
  agent: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  command: z.string().min(1).max(10_000),
  workspace: z.string().optional(),
  priority: z.enum(['high', 'normal', 'low']).optional(),
  timeout_seconds: z.number().int().min(1).max(39_600).optional(),
  metadata: z.record(z.string(), z.string().max(512)).optional(),
});

const pepper =
  process.env.OUTPOST_PEPPER ??
  (await secrets.send(new GetSecretValueCommand({ SecretId: '/outpost/local/pepper' }))).SecretString;

const app = new Hono();
app.get('/health', (context) => context.json({ status: 'ok' }));
app.post('/jobs', async (context) => {
  const key = (context.req.header('authorization') ?? '').replace('Bearer ', '');
  const hash = createHmac('sha256', pepper).update(key).digest('hex');
  const pk = `KEY#${hash}`;
  const found = await dynamo.send(
    new GetItemCommand({
      TableName: 'outpost-tenants-local',
      Key: { pk: { S: pk }, sk: { S: 'KEY' } },
      ConsistentRead: true,
    }),
  );
  const parsed = JobRequest.safeParse(await context.req.json());
  if (!parsed.success) return context.json({ errors: parsed.error.issues }, 400);
  const [jobId, tenantId] = [randomUUID(), found.Item?.tenant_id?.S ?? 'peer'];
  const put = (TableName, Item) => ({ Put: { TableName, Item } });
  await dynamo.send(
    new TransactWriteItemsCommand({
      TransactItems: [
        put('outpost-jobs-local', {
          tenant_id: { S: tenantId },
          job_id: { S: jobId },
          command: { S: parsed.data.command },
        }),
        put('outpost-audit-local', { tenant_id: { S: tenantId }, entry_key: { S: jobId } }),
      ],
    }),
  );
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: `${process.env.OUTPOST_QUEUE_BASE_URL}/outpost-jobs-low-local`,
      MessageBody: JSON.stringify({ job_id: jobId }),
    }),
  );
  return context.json({ job_id: jobId }, 202);
});

// What a gateway's event asks for and gets, as adapters translate it.
await runLoop(async (event) => {
  const { method } = event.requestContext.http;
  const url = `https://${event.requestContext.domainName}${event.rawPath}?${event.rawQueryString}`;
  const answer = await app.request(url, {
    method,
    headers: event.headers,
    ...(method === 'GET' ? {} : { body: event.body }),
  });
  return {
    statusCode: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: await answer.text(),
    isBase64Encoded: false,
  };
});
