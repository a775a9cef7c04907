import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokenRules, RULES } from './rules.ts';
import {
  type Attributes,
  EVERYTHING,
  readStacks,
  resourceOf,
  resources,
  type Stacks,
  synthesizeInto,
} from './synthesis.ts';
import { startTerraform, type Terraform, TERRAFORM, WITHOUT_TERRAFORM } from './terraform.ts';

/** What checks are worth is what they catch: each fault is planted and must make one of them fail. */

let folder: string;
let whole: Stacks;
let terraform: Terraform | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outpost-mutations-'));
  const output = join(folder, 'cdktf.out');
  await synthesizeInto(output, 'prod', { ...EVERYTHING, state: null });
  whole = readStacks(output, 'prod');
  if (TERRAFORM === null) return;
  terraform = await startTerraform(output);
  for (const stack of ['outpost-queues-prod', 'outpost-api-prod']) await terraform.run(stack, 'init');
}, 180_000);
afterAll(async () => {
  await terraform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const mutated = (change: (stacks: Stacks) => void): Stacks => {
  const copy = structuredClone(whole);
  change(copy);
  return copy;
};

const rewrite = (attributes: Attributes, name: string, change: (value: string) => string): void => {
  attributes[name] = change(String(attributes[name]));
};

const remove = (stacks: Stacks, stack: string, type: string, id: string): void => {
  delete stacks[stack]?.resource[type]?.[id];
};

const POLICY_FAULTS: readonly (readonly [string, (stacks: Stacks) => void])[] = [
  [
    'a wildcard action',
    (stacks) =>
      rewrite(resourceOf(stacks, 'aws_iam_role_policy', 'api-policy'), 'policy', (policy) =>
        policy.replace('"sqs:SendMessage"', '"sqs:*"'),
      ),
  ],
  [
    'a wildcard resource',
    (stacks) =>
      rewrite(resourceOf(stacks, 'aws_iam_role_policy', 'sweeper-policy'), 'policy', (policy) =>
        policy.replace(/"arn:aws:sqs:[^"]*"/, '"*"'),
      ),
  ],
  [
    'a right to make roles',
    (stacks) =>
      rewrite(resourceOf(stacks, 'aws_iam_role_policy', 'api-policy'), 'policy', (policy) =>
        policy.replace('"dynamodb:GetItem"', '"iam:CreateRole"'),
      ),
  ],
  [
    'a right to hand on any role',
    (stacks) =>
      rewrite(resourceOf(stacks, 'aws_iam_role_policy', 'start-dedicated-policy'), 'policy', (policy) =>
        policy.replace(/role\/outpost-worker-execution-prod/, 'role/outpost-worker-prod'),
      ),
  ],
  [
    'roles handed to whoever asks',
    (stacks) =>
      rewrite(resourceOf(stacks, 'aws_iam_role_policy', 'start-dedicated-policy'), 'policy', (policy) =>
        policy.replace('"ecs-tasks.amazonaws.com"', '"ec2.amazonaws.com"'),
      ),
  ],
  [
    'another function that hands on roles',
    (stacks) => {
      const { policy } = resourceOf(stacks, 'aws_iam_role_policy', 'start-dedicated-policy');
      resourceOf(stacks, 'aws_iam_role_policy', 'sweeper-policy')['policy'] = policy;
    },
  ],
  [
    'a right to start the pool’s tasks',
    (stacks) =>
      rewrite(resourceOf(stacks, 'aws_iam_role_policy', 'start-dedicated-policy'), 'policy', (policy) =>
        policy.replace(
          /task-definition\/outpost-dedicated-prod-[^:]*/,
          'task-definition/outpost-worker-prod',
        ),
      ),
  ],
  [
    'tasks in any cluster',
    (stacks) =>
      rewrite(resourceOf(stacks, 'aws_iam_role_policy', 'start-dedicated-policy'), 'policy', (policy) =>
        policy.replace('"ecs:cluster"', '"aws:SourceArn"'),
      ),
  ],
  [
    'a public bucket',
    (stacks) => {
      resourceOf(stacks, 'aws_s3_bucket_public_access_block', 'output-access')['restrict_public_buckets'] =
        false;
    },
  ],
  [
    'a bucket without its block',
    (stacks) => remove(stacks, 'data', 'aws_s3_bucket_public_access_block', 'output-access'),
  ],
  [
    'an unencrypted bucket',
    (stacks) =>
      remove(stacks, 'data', 'aws_s3_bucket_server_side_encryption_configuration', 'output-encryption'),
  ],
  [
    'a missing redrive',
    (stacks) => void delete resourceOf(stacks, 'aws_sqs_queue', 'normal')['redrive_policy'],
  ],
  [
    'a missing authorizer',
    (stacks) => {
      const route = resources(stacks, 'aws_apigatewayv2_route').find(
        ({ attributes }) => attributes['route_key'] === 'POST /jobs',
      );
      if (route !== undefined) route.attributes['authorization_type'] = 'NONE';
    },
  ],
  [
    'an authorizer that is believed for an hour',
    (stacks) => {
      resourceOf(stacks, 'aws_apigatewayv2_authorizer', 'authorizer-rule')[
        'authorizer_result_ttl_in_seconds'
      ] = 3600;
    },
  ],
  [
    'a table without recovery',
    (stacks) => void delete resourceOf(stacks, 'aws_dynamodb_table', 'jobs')['point_in_time_recovery'],
  ],
  [
    'a table that may go',
    (stacks) => void delete resourceOf(stacks, 'aws_dynamodb_table', 'jobs')['lifecycle'],
  ],
  [
    'a permission for anyone',
    (stacks) =>
      void delete resourceOf(stacks, 'aws_lambda_permission', 'gateway-api-permission')['source_arn'],
  ],
  [
    'logs that are kept for ever',
    (stacks) => void delete resourceOf(stacks, 'aws_cloudwatch_log_group', 'api-logs')['retention_in_days'],
  ],
  [
    'a function that outlasts its message',
    (stacks) => {
      resourceOf(stacks, 'aws_lambda_function', 'audit-writer')['timeout'] = 300;
    },
  ],
  [
    'workspaces in the clear',
    (stacks) => {
      const { volume } = resourceOf(stacks, 'aws_ecs_task_definition', 'worker-task');
      const [workspaces] = volume as { efs_volume_configuration: Attributes }[];
      if (workspaces !== undefined) workspaces.efs_volume_configuration['transit_encryption'] = 'DISABLED';
    },
  ],
  [
    'a secret in the state',
    (stacks) => {
      const data = stacks['data'];
      if (data !== undefined)
        data.resource['aws_secretsmanager_secret_version'] = { pepper: { secret_string: 'x' } };
    },
  ],
];

describe('the policy rules catch', () => {
  test('nothing in what is not changed', () => expect(brokenRules(whole)).toEqual([]));
  for (const [fault, plant] of POLICY_FAULTS) {
    test(fault, () => {
      const planted = mutated(plant);
      expect(planted).not.toEqual(whole);
      expect(brokenRules(planted)).not.toEqual([]);
    });
  }
  test('each of their own absence: no rule holds for an empty deployment by accident', () => {
    const silent = RULES.filter(({ broken }) => broken({}).length === 0).map(({ name }) => name);
    // These forbid; the others demand.
    expect(silent.every((name) => /^(no|nothing|every bucket|workspaces|prod)/.test(name))).toBe(true);
  });
});

const TERRAFORM_FAULTS: readonly (readonly [string, RegExp, string, (stacks: Stacks) => void])[] = [
  [
    'an unknown argument',
    /Extraneous JSON object property|Unsupported argument/,
    'queues',
    (stacks) => {
      resourceOf(stacks, 'aws_sqs_queue', 'normal')['visibility_timeout'] = 900;
    },
  ],
  [
    'a missing required argument',
    /Missing required argument/,
    'queues',
    (stacks) => void delete resourceOf(stacks, 'aws_sqs_queue_policy', 'normal-policy')['queue_url'],
  ],
  [
    'a reference to nothing',
    /Reference to undeclared resource/,
    'queues',
    (stacks) => {
      resourceOf(stacks, 'aws_sqs_queue_policy', 'normal-policy')['queue_url'] = '${aws_sqs_queue.nomal.url}';
    },
  ],
  [
    'a wrong type',
    /Incorrect attribute value type/,
    'queues',
    (stacks) => {
      resourceOf(stacks, 'aws_sqs_queue', 'normal')['visibility_timeout_seconds'] = 'long';
    },
  ],
  [
    'a cycle',
    /Cycle/,
    'queues',
    (stacks) => {
      resourceOf(stacks, 'aws_sqs_queue', 'dead')['depends_on'] = ['aws_sqs_queue.normal'];
    },
  ],
  [
    'an attribute that there is not',
    /Unsupported attribute/,
    'api',
    (stacks) => {
      resourceOf(stacks, 'aws_apigatewayv2_authorizer', 'authorizer-rule')['authorizer_uri'] =
        '${aws_lambda_function.authorizer.invocation_arn}';
    },
  ],
];

describe.skipIf(TERRAFORM === null)(`terraform catches${WITHOUT_TERRAFORM}`, () => {
  for (const [fault, message, stack, plant] of TERRAFORM_FAULTS) {
    test(
      fault,
      async () => {
        const id = `outpost-${stack}-prod`;
        const file = join(folder, 'cdktf.out/stacks', id, 'cdk.tf.json');
        writeFileSync(file, JSON.stringify(mutated(plant)[stack]));
        try {
          const found = await terraform?.run(id, 'validate');
          expect(found?.code).toBe(1);
          expect(found?.output).toMatch(message);
        } finally {
          writeFileSync(file, JSON.stringify(whole[stack]));
        }
        expect((await terraform?.run(id, 'validate'))?.code).toBe(0);
      },
      180_000,
    );
  }
});
