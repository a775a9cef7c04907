import { GetItemCommand, TransactWriteItemsCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { type } from 'arktype';
import { AWS_OPTIONAL_VARIABLES, AWS_VARIABLES, createAws } from '../../shared/deps.ts';
import { readEnv } from '../../shared/env.ts';
import { hashApiKey } from '../../shared/hash.ts';
import { newUlid } from '../../shared/ids.ts';
import { apiKeyKey, keyUseKey, rateKey } from '../../shared/store/item-keys.ts';

/**
 * The limit: Bun.serve making the AWS calls of POST /jobs and GET /jobs/{id} with the same clients, and nothing
 * else. No validation, no scopes, no errors, no log, no models.
 */
const { store, queues } = createAws(readEnv(process.env, AWS_VARIABLES, AWS_OPTIONAL_VARIABLES));
const pepper = process.env['OUTPOST_PEPPER'] ?? '';
const Key = type({ key_id: 'string', tenant_id: 'string' });
const tenants = new Map<string, string>();

/** With an unknown key: the key's item and beside it its first lease of rate tokens, then its last use. */
async function tenantOf(request: Request): Promise<string> {
  const key = (request.headers.get('authorization') ?? '').slice('Bearer '.length);
  const known = tenants.get(key);
  if (known !== undefined) return known;
  const TableName = store.tables.tenants;
  const hash = hashApiKey(pepper, key);
  const leased = update(rateKey(hash, Math.floor(Date.now() / 60_000)), 'ADD granted :value', 1);
  const { Item = {} } = await store.client.send(
    new GetItemCommand({
      TableName,
      Key: marshall(apiKeyKey(hash)),
      ConsistentRead: true,
    }),
  );
  const { key_id: keyId, tenant_id: tenantId } = Key.assert(unmarshall(Item));
  const used = update(keyUseKey(keyId), 'SET last_used = :value', new Date().toISOString());
  used.catch((error: unknown) => console.error(error));
  await leased;
  tenants.set(key, tenantId);
  return tenantId;
}

async function update(key: object, UpdateExpression: string, value: string | number): Promise<void> {
  await store.client.send(
    new UpdateItemCommand({
      TableName: store.tables.tenants,
      Key: marshall(key),
      UpdateExpression,
      ExpressionAttributeValues: marshall({ ':value': value }),
    }),
  );
}

const auditEntry = (tenantId: string, action: string): object => {
  const timestamp = new Date().toISOString();
  return {
    tenant_id: tenantId,
    entry_key: `${timestamp}#${newUlid()}`,
    timestamp,
    action,
    resource: 'jobs',
    metadata: { agent: 'date', command_sha256: '0'.repeat(64), command_characters: 400 },
    request_id: newUlid(),
    actor: 'key:raw',
    source_ip: '127.0.0.1',
    user_agent: 'bench',
    outcome: 'allowed',
    status: 202,
    certainty: 2,
    ttl: 1_900_000_000,
  };
};

/** A job of the size that Outpost stores. */
const JOB_TEMPLATE = {
  workspace: 'default',
  priority: 'normal',
  status: 'pending',
  attempt: 0,
  max_attempts: 1,
  timeout_seconds: 3600,
  metadata: {},
  started_at: null,
  completed_at: null,
  cancel_requested_at: null,
  exit_code: null,
  failure: null,
  usage: null,
  output_location: null,
  output_bytes: null,
  output_truncated: false,
  key_hash: '0'.repeat(64),
  platform_failures: 0,
  agent_failures: 0,
  checks: 0,
  sealed: {},
  check_shard: '3',
};

async function submit(request: Request): Promise<Response> {
  const tenantId = await tenantOf(request);
  const body: Record<string, unknown> = JSON.parse(await request.text());
  const jobId = newUlid();
  const job = {
    ...JOB_TEMPLATE,
    ...body,
    job_id: jobId,
    tenant_id: tenantId,
    tenant_status: `${tenantId}#pending`,
    created_at: new Date().toISOString(),
    request_id: newUlid(),
    next_check_at: Date.now() + 60_000,
  };
  await store.client.send(
    new TransactWriteItemsCommand({
      TransactItems: [
        {
          Put: {
            TableName: store.tables.jobs,
            Item: marshall(job),
            ConditionExpression: 'attribute_not_exists(job_id)',
          },
        },
        { Put: { TableName: store.tables.audit, Item: marshall(auditEntry(tenantId, 'job.create')) } },
      ],
    }),
  );
  await sendMessage(jobId, tenantId);
  return Response.json({ job_id: jobId, status: 'pending' }, { status: 202 });
}

async function sendMessage(jobId: string, tenantId: string): Promise<void> {
  await queues.client.send(
    new SendMessageCommand({
      QueueUrl: queues.urls.normal,
      MessageBody: JSON.stringify({ v: 1, tenant_id: tenantId, job_id: jobId, priority: 'normal' }),
      MessageGroupId: tenantId,
    }),
  );
}

async function read(request: Request, jobId: string): Promise<Response> {
  const tenantId = await tenantOf(request);
  const entry = { v: 1, entry: auditEntry(tenantId, 'job.read'), certainty: 'expected' };
  const [{ Item = {} }] = await Promise.all([
    store.client.send(
      new GetItemCommand({
        TableName: store.tables.jobs,
        Key: marshall({ tenant_id: tenantId, job_id: jobId }),
        ConsistentRead: true,
      }),
    ),
    queues.client.send(
      new SendMessageCommand({ QueueUrl: queues.urls.audit, MessageBody: JSON.stringify(entry) }),
    ),
  ]);
  return Response.json(unmarshall(Item));
}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  routes: {
    '/jobs': { POST: submit },
    '/jobs/:id': (request) => read(request, request.params.id),
  },
  fetch: () => new Response(null, { status: 404 }),
});
console.log(JSON.stringify({ endpoint: `http://127.0.0.1:${server.port}` }));
