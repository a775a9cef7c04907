import { asList, type Attributes, resources, type Stacks, statements } from './synthesis.ts';

/** What must hold of every synthesized environment. Each rule answers with what breaks it. */
type Rule = { readonly name: string; readonly broken: (stacks: Stacks) => string[] };

const has = (value: unknown, ...path: string[]): unknown => {
  let current = value;
  for (const name of path) {
    if (Array.isArray(current)) [current] = current;
    if (typeof current !== 'object' || current === null) return undefined;
    current = Object.entries(current).find(([key]) => key === name)?.[1];
  }
  return current;
};

const each =
  (type: string, holds: (attributes: Attributes, stacks: Stacks, id: string) => boolean): Rule['broken'] =>
  (stacks) => {
    const found = resources(stacks, type);
    // A rule about nothing would hold for everything.
    if (found.length === 0) return [`there is no ${type}`];
    return found
      .filter(({ attributes, id }) => !holds(attributes, stacks, id))
      .map(({ id }) => `${type}.${id}`);
  };

/** Actions that AWS authorizes on no resource. */
const WITHOUT_RESOURCE = new Set([
  'ecr:GetAuthorizationToken',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
]);

/** A dead-letter queue has none of its own. */
const isDeadLetters = (name: unknown): boolean => /-dlq-/.test(String(name));

const PUBLIC_ROUTES = new Set([
  'GET /health',
  'GET /openapi.json',
  'GET /docs',
  'GET /docs/{asset}',
  'GET /plans',
  'POST /webhooks/stripe',
]);

const timeoutOf = (stacks: Stacks, reference: unknown): number => {
  const id = /aws_lambda_function\.([\w-]+)\./.exec(String(reference))?.[1];
  return Number(
    resources(stacks, 'aws_lambda_function').find((found) => found.id === id)?.attributes['timeout'],
  );
};

const DEDICATED_FAMILY = /:task-definition\/outpost-dedicated-[a-z]+-[0-9a-f-]{36}:\*$/;

/** RunTask takes iam:PassRole for the two roles of its task definition. */
const handsOnTaskRoles = ({
  Action,
  Resource,
  Condition,
}: ReturnType<typeof statements>[number]['statement']) =>
  asList(Action).join() === 'iam:PassRole' &&
  has(Condition, 'StringEquals', 'iam:PassedToService') === 'ecs-tasks.amazonaws.com' &&
  asList(Resource).every((arn) =>
    /:role\/outpost-(dedicated-[0-9a-f-]{23}-|worker-execution-)[a-z]+$/.test(arn),
  );

export const RULES: readonly Rule[] = [
  {
    name: 'no action has a wildcard, but the key’s own administration',
    broken: (stacks) =>
      statements(stacks)
        .filter(({ type, statement }) => statement.Effect === 'Allow' && type !== 'aws_kms_key')
        .filter(({ statement }) => asList(statement.Action).some((action) => action.includes('*')))
        .map(({ type, id }) => `${type}.${id}`),
  },
  {
    name: 'no statement allows anything on every resource, but what AWS authorizes on none',
    broken: (stacks) =>
      statements(stacks)
        .filter(({ type, statement }) => statement.Effect === 'Allow' && type !== 'aws_kms_key')
        .filter(({ statement }) => asList(statement.Resource).includes('*'))
        .filter(({ statement }) => asList(statement.Action).some((action) => !WITHOUT_RESOURCE.has(action)))
        .map(({ type, id }) => `${type}.${id}`),
  },
  {
    name: 'no role may make, change or hand on IAM, but one function the roles of dedicated tasks to ECS',
    broken: (stacks) =>
      statements(stacks)
        .filter(({ statement }) => asList(statement.Action).some((action) => action.startsWith('iam:')))
        .filter(({ id, statement }) => !(id === 'start-dedicated-policy' && handsOnTaskRoles(statement)))
        .map(({ type, id }) => `${type}.${id}`),
  },
  {
    name: 'no task is started but those of dedicated tenants, in the cluster',
    broken: (stacks) =>
      statements(stacks)
        .filter(({ statement }) => asList(statement.Action).includes('ecs:RunTask'))
        .filter(
          ({ statement }) =>
            !asList(statement.Resource).every((arn) => DEDICATED_FAMILY.test(arn)) ||
            !/:cluster\/outpost-[a-z]+$/.test(String(has(statement.Condition, 'ArnEquals', 'ecs:cluster'))),
        )
        .map(({ type, id }) => `${type}.${id}`),
  },
  {
    name: 'tables are on demand, encrypted with our key and recoverable to a point in time',
    broken: each(
      'aws_dynamodb_table',
      (table) =>
        table['billing_mode'] === 'PAY_PER_REQUEST' &&
        has(table, 'server_side_encryption', 'enabled') === true &&
        has(table, 'server_side_encryption', 'kms_key_arn') !== undefined &&
        has(table, 'point_in_time_recovery', 'enabled') === true,
    ),
  },
  {
    name: 'prod refuses to destroy tables, buckets, key and file system',
    broken: (stacks) =>
      ['aws_dynamodb_table', 'aws_s3_bucket', 'aws_kms_key', 'aws_efs_file_system'].flatMap((type) =>
        each(type, ({ lifecycle }) => has(lifecycle, 'prevent_destroy') === true)(stacks),
      ),
  },
  {
    name: 'tables are protected from deletion in prod',
    broken: each('aws_dynamodb_table', (table) => table['deletion_protection_enabled'] === true),
  },
  {
    name: 'every bucket blocks public access in all four ways',
    broken: (stacks) => {
      const blocked = resources(stacks, 'aws_s3_bucket_public_access_block')
        .filter(({ attributes }) =>
          ['block_public_acls', 'block_public_policy', 'ignore_public_acls', 'restrict_public_buckets'].every(
            (name) => attributes[name] === true,
          ),
        )
        .map(({ attributes }) => attributes['bucket']);
      return each('aws_s3_bucket', (_, __, id) => blocked.includes(`\${aws_s3_bucket.${id}.id}`))(stacks);
    },
  },
  {
    name: 'every bucket is encrypted with our key',
    broken: (stacks) => {
      const encrypted = resources(stacks, 'aws_s3_bucket_server_side_encryption_configuration')
        .filter(
          ({ attributes }) =>
            has(attributes, 'rule', 'apply_server_side_encryption_by_default', 'kms_master_key_id') !==
            undefined,
        )
        .map(({ attributes }) => attributes['bucket']);
      return each('aws_s3_bucket', (_, __, id) => encrypted.includes(`\${aws_s3_bucket.${id}.id}`))(stacks);
    },
  },
  {
    name: 'every queue is encrypted',
    broken: each('aws_sqs_queue', (queue) => queue['sqs_managed_sse_enabled'] === true),
  },
  {
    name: 'every queue but the dead-letter queues gives up after three receives',
    broken: each(
      'aws_sqs_queue',
      (queue) =>
        isDeadLetters(queue['name']) ||
        (typeof queue['redrive_policy'] === 'string' &&
          JSON.parse(queue['redrive_policy']).maxReceiveCount === 3),
    ),
  },
  {
    name: 'messages stay hidden for 15 minutes and kept for 14 days',
    broken: each(
      'aws_sqs_queue',
      (queue) =>
        queue['visibility_timeout_seconds'] === 900 && queue['message_retention_seconds'] === 14 * 24 * 3600,
    ),
  },
  {
    name: 'a queue that a function consumes hides messages for six times its timeout',
    broken: each('aws_lambda_event_source_mapping', (mapping, stacks) => {
      const queue = resources(stacks, 'aws_sqs_queue').find(({ attributes }) =>
        String(mapping['event_source_arn']).endsWith(`:${String(attributes['name'])}`),
      );
      return (
        Number(queue?.attributes['visibility_timeout_seconds']) >=
        6 * timeoutOf(stacks, mapping['function_name'])
      );
    }),
  },
  {
    name: 'every permission to call a function names its caller, but those of the URL',
    broken: each(
      'aws_lambda_permission',
      (permission) =>
        typeof permission['source_arn'] === 'string' ||
        permission['function_url_auth_type'] === 'NONE' ||
        permission['invoked_via_function_url'] === true,
    ),
  },
  {
    name: 'every route but the public ones has the authorizer',
    broken: each(
      'aws_apigatewayv2_route',
      (route) =>
        PUBLIC_ROUTES.has(String(route['route_key'])) ||
        (route['authorization_type'] === 'CUSTOM' && typeof route['authorizer_id'] === 'string'),
    ),
  },
  {
    name: 'the authorizer’s answer is kept for 300 s by the Authorization header alone',
    broken: each(
      'aws_apigatewayv2_authorizer',
      (authorizer) =>
        authorizer['authorizer_result_ttl_in_seconds'] === 300 &&
        JSON.stringify(authorizer['identity_sources']) === '["$request.header.Authorization"]' &&
        authorizer['authorizer_payload_format_version'] === '2.0' &&
        authorizer['authorizer_type'] === 'REQUEST',
    ),
  },
  {
    name: 'every log group forgets',
    broken: each('aws_cloudwatch_log_group', (group) => Number(group['retention_in_days']) >= 1),
  },
  {
    name: 'every function has a log group of its own and X-Ray',
    broken: each('aws_lambda_function', (lambda, stacks) => {
      const name = `/aws/lambda/${String(lambda['function_name'])}`;
      const groups = resources(stacks, 'aws_cloudwatch_log_group').map(
        ({ attributes }) => attributes['name'],
      );
      return groups.includes(name) && has(lambda, 'tracing_config', 'mode') === 'Active';
    }),
  },
  {
    name: 'workspaces are encrypted, and mounted with TLS and IAM through an access point',
    broken: (stacks) => [
      ...each('aws_efs_file_system', (system) => system['encrypted'] === true)(stacks),
      ...each('aws_ecs_task_definition', (task) => {
        const mount = has(task, 'volume', 'efs_volume_configuration');
        return (
          has(mount, 'transit_encryption') === 'ENABLED' &&
          has(mount, 'authorization_config', 'iam') === 'ENABLED' &&
          has(mount, 'authorization_config', 'access_point_id') !== undefined
        );
      })(stacks),
    ],
  },
  {
    name: 'the autoscaler owns the number of workers',
    broken: each('aws_ecs_service', ({ lifecycle }) =>
      JSON.stringify(has(lifecycle, 'ignore_changes')).includes('desired_count'),
    ),
  },
  {
    name: 'a policy has at most 20 steps',
    broken: each('aws_appautoscaling_policy', (policy) => {
      const steps = has(policy, 'step_scaling_policy_configuration', 'step_adjustment');
      return Array.isArray(steps) && steps.length > 0 && steps.length <= 20;
    }),
  },
  {
    name: 'alarm periods are 10, 20, 30 or multiples of 60 seconds',
    broken: each('aws_cloudwatch_metric_alarm', (alarm) => {
      const queries = alarm['metric_query'];
      const periods = (Array.isArray(queries) ? queries : [])
        .map((query) => has(query, 'metric', 'period'))
        .filter((period) => period !== undefined)
        .map(Number);
      return (
        periods.length > 0 && periods.every((period) => [10, 20, 30].includes(period) || period % 60 === 0)
      );
    }),
  },
  {
    name: 'nothing but the endpoints and the workspaces takes connections, and only from the workers',
    broken: (stacks) => {
      const open = resources(stacks, 'aws_vpc_security_group_ingress_rule').filter(
        ({ attributes }) => attributes['referenced_security_group_id'] === undefined,
      );
      const inline = resources(stacks, 'aws_security_group').filter(
        ({ attributes }) => attributes['ingress'] !== undefined,
      );
      return [...open, ...inline].map(({ id }) => id);
    },
  },
  {
    name: 'no secret is in Terraform’s state',
    broken: (stacks) =>
      ['aws_secretsmanager_secret_version', 'aws_ssm_parameter'].flatMap((type) =>
        resources(stacks, type).map(({ id }) => `${type}.${id}`),
      ),
  },
];

/** What breaks which rule. */
export const brokenRules = (stacks: Stacks): { rule: string; by: string[] }[] =>
  RULES.map(({ name, broken }) => ({ rule: name, by: broken(stacks) })).filter(({ by }) => by.length > 0);
