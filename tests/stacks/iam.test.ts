import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { driveEverything } from './iam/drive.ts';
import { allowed, ARN, covers, grantsOf, KEY, type Needed, neededFor, policyOf } from './iam/questions.ts';
import { ACCOUNT, EVERYTHING, resources, type Stacks, synthesize, TENANT } from './synthesis.ts';

setDefaultTimeout(TEST_TIMEOUT_MS * 3);

/**
 * Row Q5: every function and the worker are run through what they do; what they were seen to call is allowed to
 * their roles, and their roles allow nothing that was not seen.
 */
const STRIPE = {
  proPrices: ['price_a'],
  enterprisePrices: ['price_b'],
  jobPrices: ['price_c'],
  meter: 'mtr_1',
  meterEvent: 'outpost_jobs',
  returnUrl: 'https://console.example.com/billing',
};

let stacks: Stacks;
let needs: ReadonlyMap<string, readonly Needed[]>;

beforeAll(async () => {
  stacks = await synthesize('prod', { ...EVERYTHING, billing: 'stripe', stripe: STRIPE });
  const callsOf = await driveEverything();
  needs = new Map(DRIVEN.map((role) => [role, neededFor(callsOf(role))]));
});

const DRIVEN = [
  'api',
  'authorizer',
  'audit-writer',
  'access-log',
  'audit-export',
  'dead-letters',
  'start-dedicated',
  'sweeper',
  'usage-reporter',
  'rotation',
  'worker',
  `dedicated-${TENANT}`,
] as const;

/** What AWS itself does under a role, or asks of it for a call that local AWS does not question. */
const UNSEEN: readonly (readonly [what: RegExp, why: string])[] = [
  [/^(logs|xray):/, 'Lambda and the log driver write logs and traces'],
  [/^kms:/, 'DynamoDB and S3 use the key in the caller’s name'],
  [/^elasticfilesystem:/, 'the task mounts its workspaces'],
  [/^iam:PassRole .*:role\/outpost-(dedicated|worker-execution)-/, 'asked of whoever calls RunTask'],
  [/^ecs:(Describe|Update)Service/, 'workers are raised from zero: api/runtime/ecs.ts'],
  [/^ecs:UpdateTaskProtection/, 'the ECS agent protects the task in its name: worker/task-protection.ts'],
  [/^lambda:InvokeFunction .*outpost-rotation/, 'asked of whoever calls RotateSecret'],
  [/^sns:Publish .*outpost-quota-alerts-/, 'local AWS has no topics: api/billing/deps.ts'],
  [/^secretsmanager:TagResource/, 'asked of a CreateSecret with tags'],
  [
    /^sqs:(Receive|Delete)Message .*outpost-(audit|jobs-dedicated)-/,
    'Lambda polls the queue in the function’s name',
  ],
  [
    /^sqs:GetQueueAttributes .*outpost-(audit|jobs-dedicated)-/,
    'Lambda polls the queue in the function’s name',
  ],
  [/^s3:AbortMultipartUpload .*outpost-output/, 'an upload that fails: worker/output/upload-raw.ts'],
  [/^dynamodb:PutItem .*outpost-audit-/, 'a refusal whose queue fails: api/audit-trail.ts'],
];

const text = ({ action, resource }: Needed): string => `${action} ${resource}`;
const needsOf = (role: string): readonly Needed[] => needs.get(role) ?? [];

const unseenOf = (role: string): string[] =>
  grantsOf(stacks, role)
    .filter((grant) => !needsOf(role).some((needed) => covers(grant, needed)))
    .map(text);

describe.each(DRIVEN)('%s', (role) => {
  test('may do what it was seen to do', async () => {
    // None would mean that the recording broke, not that the role is modest.
    expect(needsOf(role).length).toBeGreaterThan(1);
    const granted = await allowed(
      stacks,
      needsOf(role).map((needed) => ({ role, ...needed })),
    );
    expect(granted.map(text)).toEqual(needsOf(role).map(text));
  });

  test('may do nothing that it was not seen to do', () => {
    expect(unseenOf(role).filter((grant) => !UNSEEN.some(([what]) => what.test(grant)))).toEqual([]);
  });
});

test('what is allowed unseen has its reason for a role, each', () => {
  const all = DRIVEN.flatMap(unseenOf);
  expect(UNSEEN.filter(([what]) => !all.some((grant) => what.test(grant)))).toEqual([]);
});

test('what others do is denied, unless it is one’s own too', async () => {
  const everything = [...new Map([...needs.values()].flat().map((each) => [text(each), each])).values()];
  const questions = DRIVEN.flatMap((role) => {
    const grants = grantsOf(stacks, role);
    return everything
      .filter((needed) => !grants.some((grant) => covers(grant, needed)))
      .map((needed) => ({ role, ...needed }));
  });
  expect(questions.length).toBeGreaterThan(300);
  expect(await allowed(stacks, questions)).toEqual([]);
});

describe('roles that were not driven', () => {
  /** Statements, without the log group that each has of its own. */
  const statementsOf = (role: string) =>
    policyOf(stacks, role).Statement.filter(({ Action }) => !JSON.stringify(Action).includes('logs:'));

  test('are these', () => {
    const all = resources(stacks, 'aws_iam_role_policy').map(({ id }) => id.replace(/-policy$/, ''));
    expect(new Set(all)).toEqual(new Set([...DRIVEN, 'stream', 'scheduler', 'worker-execution']));
  });

  test('stream is the API', () => expect(statementsOf('stream')).toEqual(statementsOf('api')));

  test('a dedicated tenant’s worker may do no more than the pool’s, and for its own tenant only', async () => {
    const own = `dedicated-${TENANT}`;
    const pool = grantsOf(stacks, 'worker').map(({ action }) => action);
    const more = grantsOf(stacks, own).filter(({ action }) => !pool.includes(action));
    expect(more).toEqual([]);
    const output = `arn:aws:s3:::outpost-output-prod-${ACCOUNT}`;
    const others = [
      { action: 's3:ListBucket', resource: output, context: { 's3:prefix': 'other/x' } },
      { action: 's3:ListBucket', resource: output },
      { action: 's3:GetObject', resource: `${output}/other/x` },
      {
        action: 'secretsmanager:GetSecretValue',
        resource: ARN('secretsmanager', 'secret:/outpost/tenants/other/api_keys/openai-a1B2c3'),
      },
      { action: 'sqs:ReceiveMessage', resource: ARN('sqs', 'outpost-jobs-prod') },
    ];
    expect(
      await allowed(
        stacks,
        others.map((each) => ({ role: own, ...each })),
      ),
    ).toEqual([]);
  });

  test('tasks are started in the cluster alone, and their roles handed to ECS alone', async () => {
    const task = {
      role: 'start-dedicated',
      action: 'ecs:RunTask',
      resource: ARN('ecs', `task-definition/outpost-dedicated-prod-${TENANT}:7`),
    };
    const pass = {
      role: 'start-dedicated',
      action: 'iam:PassRole',
      resource: `arn:aws:iam::${ACCOUNT}:role/outpost-worker-execution-prod`,
    };
    const right = [
      { ...task, context: { 'ecs:cluster': ARN('ecs', 'cluster/outpost-prod') } },
      { ...pass, context: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    ];
    expect(await allowed(stacks, right)).toEqual(right);
    const wrong = [
      { ...task, context: { 'ecs:cluster': ARN('ecs', 'cluster/another') } },
      { ...pass, context: { 'iam:PassedToService': 'ec2.amazonaws.com' } },
      pass,
    ];
    expect(await allowed(stacks, wrong)).toEqual([]);
  });

  test('the scheduler invokes what has a schedule', () => {
    expect(grantsOf(stacks, 'scheduler').map(text).toSorted()).toEqual(
      ['audit-export', 'dead-letters', 'sweeper', 'usage-reporter'].map(
        (name) => `lambda:InvokeFunction ${ARN('lambda', `function:outpost-${name}-prod`)}`,
      ),
    );
  });

  test('the execution role fetches the image and writes the log', () => {
    expect(new Set(grantsOf(stacks, 'worker-execution').map(({ action }) => action))).toEqual(
      new Set([
        'ecr:GetAuthorizationToken',
        'ecr:BatchCheckLayerAvailability',
        'ecr:BatchGetImage',
        'ecr:GetDownloadUrlForLayer',
        'logs:CreateLogStream',
        'logs:PutLogEvents',
      ]),
    );
  });
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
    ['ecs:RunTask', ARN('ecs', 'task-definition/outpost-worker-prod:1')],
    ['iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/outpost-worker-prod`],
  ];

  test('to any role', async () => {
    const roles = resources(stacks, 'aws_iam_role_policy').map(({ id }) => id.replace(/-policy$/, ''));
    expect(roles.length).toBeGreaterThan(10);
    const questions = roles.flatMap((role) =>
      FORBIDDEN.map(([action, resource]) => ({ role, action, resource })),
    );
    expect(await allowed(stacks, questions)).toEqual([]);
  });

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
    [
      'api',
      'secretsmanager:GetSecretValue',
      ARN('secretsmanager', 'secret:/outpost/tenants/t/api_keys/openai-a1B2c3'),
    ],
    ['worker', 'secretsmanager:GetSecretValue', ARN('secretsmanager', 'secret:/outpost/prod/pepper-a1B2c3')],
    ['worker-execution', 'dynamodb:GetItem', ARN('dynamodb', 'table/outpost-jobs-prod')],
    ['rotation', 'dynamodb:GetItem', ARN('dynamodb', 'table/outpost-tenants-prod')],
    ['scheduler', 'lambda:InvokeFunction', ARN('lambda', 'function:outpost-api-prod')],
  ])('to %s: %s on %s', async (role, action, resource) => {
    expect(await allowed(stacks, [{ role, action, resource }])).toEqual([]);
  });
});
