import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { join } from 'node:path';
import type { RecordedCall } from '../../local/aws/calls.ts';
import { startWorld, type World } from '../worker/loop/fixture.ts';
import { ACCOUNT, EVERYTHING, resourceOf, resources, type Stacks, synthesize } from './synthesis.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Row Q5: what the code was seen to call is allowed to the role that it runs under, and what it has no business
 * with is not.
 */
let stacks: Stacks;
let world: World;

beforeAll(async () => {
  stacks = await synthesize('prod', EVERYTHING);
  world = await startWorld();
}, 60_000);
afterAll(() => world.stop());

const ARN = (service: string, resource: string): string =>
  `arn:aws:${service}:us-east-1:${ACCOUNT}:${resource}`;
const KEY = ARN('kms', 'key/11111111-2222-3333-4444-555555555555');

/** A role's policy, with an example for what only AWS knows. */
const policyOf = (role: string): unknown =>
  JSON.parse(
    String(resourceOf(stacks, 'aws_iam_role_policy', `${role}-policy`)['policy']).replaceAll(
      /\$\{[^}]+\}/g,
      KEY,
    ),
  );

type Question = { readonly role: string; readonly action: string; readonly resource: string };

/** What of this IAM would allow. In a process of its own, as the simulator is a package of the stacks. */
async function allowed(questions: readonly Question[]): Promise<Question[]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '../../stacks/simulate.ts')], {
    stdin: new Blob([
      JSON.stringify(
        questions.map(({ role, action, resource }) => ({
          policy: policyOf(role),
          action,
          resource,
          account: ACCOUNT,
        })),
      ),
    ]),
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const answers: boolean[] = JSON.parse(await new Response(child.stdout).text());
  expect(answers).toHaveLength(questions.length);
  return questions.filter((_, index) => answers[index]);
}

type Needed = { readonly action: string; readonly resource: string };

/** The operations whose permission has another name. */
const ACTIONS: Readonly<Record<string, string>> = {
  CompleteMultipartUpload: 'PutObject',
  CreateMultipartUpload: 'PutObject',
  DeleteMessageBatch: 'DeleteMessage',
  HeadObject: 'GetObject',
  ListObjectsV2: 'ListBucket',
  SendMessageBatch: 'SendMessage',
  UploadPart: 'PutObject',
};

/** What IAM is asked for a call on local AWS, had it been one on prod. */
function neededFor(call: RecordedCall): Needed[] {
  const operation = ACTIONS[call.operation] ?? call.operation;
  return call.resources.map((name): Needed => {
    const there = name.replace(/-local$/, '-prod');
    switch (call.service) {
      case 'dynamodb':
        // A transaction is asked for the actions of its parts: each of ours writes.
        return {
          action: `dynamodb:${operation === 'TransactWriteItems' ? 'PutItem' : operation}`,
          resource: ARN('dynamodb', `table/${there}`),
        };
      case 'sqs':
        return { action: `sqs:${operation}`, resource: ARN('sqs', there) };
      case 's3': {
        const [bucket = '', ...key] = name.split('/');
        const arn = `arn:aws:s3:::${bucket.replace(/-local$/, `-prod-${ACCOUNT}`)}`;
        return {
          action: `s3:${operation}`,
          resource: operation === 'ListBucket' ? arn : `${arn}/${key.join('/')}/x`,
        };
      }
      case 'secretsmanager':
        return {
          action: `secretsmanager:${operation}`,
          resource: ARN(
            'secretsmanager',
            `secret:${name.replace('/outpost/local/', '/outpost/prod/')}-a1B2c3`,
          ),
        };
    }
  });
}

const unique = (calls: readonly RecordedCall[]): Needed[] => [
  ...new Map(calls.flatMap(neededFor).map((each) => [`${each.action} ${each.resource}`, each])).values(),
];

async function refusedTo(role: string, needed: readonly Needed[]): Promise<string[]> {
  const questions = needed.map((each) => ({ role, ...each }));
  const granted = await allowed(questions);
  return questions
    .filter((question) => !granted.includes(question))
    .map(({ action, resource }) => `${action} ${resource}`);
}

describe('what the code calls is allowed', () => {
  test('to the API, in a round of every kind of route', async () => {
    const tenant = await world.tenant();
    const key = tenant.apiKey;
    const base = `/tenants/${tenant.tenantId}`;
    await world.local.calls.start();
    const submitted = await world.api.request('POST', '/jobs', {
      key,
      body: { agent: 'sh', command: 'true' },
      headers: { 'idempotency-key': 'k' },
    });
    const { job_id } = await submitted.json();
    const rounds: readonly (readonly [string, string, unknown?])[] = [
      ['GET', `/jobs/${job_id}`],
      ['GET', '/jobs?status=pending'],
      ['GET', `/jobs/${job_id}/output`],
      ['DELETE', `/jobs/${job_id}`],
      ['GET', `/jobs/${job_id}/events`],
      ['GET', base],
      ['PATCH', base, { name: 'Other' }],
      ['POST', `${base}/api-keys`, { name: 'second', scopes: ['jobs:read'] }],
      ['GET', `${base}/api-keys`],
      ['PUT', `${base}/secrets/openai`, { value: 'sk-test-0123456789abcdef0123' }],
      ['GET', `${base}/secrets`],
      ['DELETE', `${base}/secrets/openai`],
      ['GET', '/audit'],
    ];
    for (const [method, path, body] of rounds) {
      const answer = await world.api.request(method, path, { key, ...(body === undefined ? {} : { body }) });
      await answer.text();
    }
    const needed = unique(await world.local.calls.stop());
    // Fewer would mean that the recording broke, not that the API is modest.
    expect(needed.length).toBeGreaterThan(12);
    expect(await refusedTo('api', needed)).toEqual([]);
    // The simulation tells roles apart.
    expect((await refusedTo('authorizer', needed)).length).toBeGreaterThan(5);
  }, 60_000);

  test('to the worker, in a job from claim to end', async () => {
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, 'echo hello; echo there >&2');
    await world.local.calls.start();
    await world.startWorker();
    expect(await world.until(tenant, jobId)).toMatchObject({ status: 'succeeded' });
    const needed = unique(await world.local.calls.stop());
    expect(needed.map(({ action }) => action)).toContain('s3:PutObject');
    expect(await refusedTo('worker', needed)).toEqual([]);
  }, 60_000);
});

describe('what nobody needs is denied', () => {
  const FORBIDDEN: readonly (readonly [string, string])[] = [
    ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/new`],
    ['iam:AttachRolePolicy', `arn:aws:iam::${ACCOUNT}:role/outpost-api-prod`],
    ['iam:PutRolePolicy', `arn:aws:iam::${ACCOUNT}:role/outpost-api-prod`],
    ['iam:CreateUser', `arn:aws:iam::${ACCOUNT}:user/new`],
    ['iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/outpost-api-prod`],
    ['sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/outpost-worker-prod`],
    ['dynamodb:Scan', ARN('dynamodb', 'table/outpost-tenants-prod')],
    ['dynamodb:DeleteTable', ARN('dynamodb', 'table/outpost-jobs-prod')],
    ['dynamodb:GetItem', ARN('dynamodb', 'table/outpost-tenants-staging')],
    ['dynamodb:DeleteItem', ARN('dynamodb', 'table/outpost-audit-prod')],
    ['sqs:PurgeQueue', ARN('sqs', 'outpost-jobs-prod')],
    ['sqs:SetQueueAttributes', ARN('sqs', 'outpost-jobs-prod')],
    ['s3:DeleteObject', `arn:aws:s3:::outpost-output-prod-${ACCOUNT}/t/x`],
    ['s3:PutBucketPolicy', `arn:aws:s3:::outpost-output-prod-${ACCOUNT}`],
    ['s3:PutObject', `arn:aws:s3:::outpost-artifacts-prod-${ACCOUNT}/api/x.zip`],
    ['secretsmanager:GetSecretValue', ARN('secretsmanager', 'secret:/outpost/staging/pepper-a1B2c3')],
    ['secretsmanager:GetSecretValue', ARN('secretsmanager', 'secret:/somebody/else-a1B2c3')],
    ['lambda:UpdateFunctionCode', ARN('lambda', 'function:outpost-api-prod')],
    ['kms:ScheduleKeyDeletion', KEY],
    ['kms:Decrypt', KEY],
    ['ecs:RegisterTaskDefinition', '*'],
  ];

  test('to any role', async () => {
    const roles = resources(stacks, 'aws_iam_role_policy').map(({ id }) => id.replace(/-policy$/, ''));
    expect(roles.length).toBeGreaterThan(10);
    const questions = roles.flatMap((role) =>
      FORBIDDEN.map(([action, resource]) => ({ role, action, resource })),
    );
    expect(await allowed(questions)).toEqual([]);
  }, 60_000);

  test.each([
    ['authorizer', 'dynamodb:GetItem', ARN('dynamodb', 'table/outpost-jobs-prod')],
    ['authorizer', 'sqs:SendMessage', ARN('sqs', 'outpost-jobs-prod')],
    [
      'authorizer',
      'secretsmanager:GetSecretValue',
      ARN('secretsmanager', 'secret:/outpost/tenants/t/api_keys/openai-a1B2c3'),
    ],
    ['audit-writer', 'dynamodb:PutItem', ARN('dynamodb', 'table/outpost-tenants-prod')],
    [
      'worker',
      'secretsmanager:PutSecretValue',
      ARN('secretsmanager', 'secret:/outpost/tenants/t/api_keys/openai-a1B2c3'),
    ],
    ['worker', 'secretsmanager:GetSecretValue', ARN('secretsmanager', 'secret:/outpost/prod/pepper-a1B2c3')],
    ['worker-execution', 'dynamodb:GetItem', ARN('dynamodb', 'table/outpost-jobs-prod')],
    ['rotation', 'dynamodb:GetItem', ARN('dynamodb', 'table/outpost-tenants-prod')],
    ['scheduler', 'lambda:InvokeFunction', ARN('lambda', 'function:outpost-api-prod')],
  ])('to %s: %s on %s', async (role, action, resource) => {
    expect(await allowed([{ role, action, resource }])).toEqual([]);
  });
});
