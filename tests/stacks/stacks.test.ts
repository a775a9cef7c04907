import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { ACCESS_LOG_FORMAT } from '../../api/operations/ingest-access-log.ts';
import { TABLES, type Table } from '../../shared/tables.ts';
import { SettingsError, settingsOf } from '../../stacks/settings.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { brokenRules, RULES } from './rules.ts';
import {
  asList,
  EVERYTHING,
  resourceOf,
  resources,
  type Stacks,
  statements,
  synthesize,
  TENANT,
} from './synthesis.ts';

setDefaultTimeout(TEST_TIMEOUT_MS * 3);

let prod: Stacks;
let dev: Stacks;

beforeAll(async () => {
  prod = await synthesize('prod', EVERYTHING);
  dev = await synthesize('dev');
});

describe('policies', () => {
  for (const rule of RULES) test(rule.name, () => expect(rule.broken(prod)).toEqual([]));

  test('dev and staging hold to all of them too, but for the protection of data', async () => {
    const protection = /prod/;
    const broken = [...brokenRules(dev), ...brokenRules(await synthesize('staging'))];
    expect(broken.filter(({ rule }) => !protection.test(rule))).toEqual([]);
  });
});

describe('data', () => {
  for (const [id, table] of Object.entries<Table>(TABLES)) {
    test(`the table ${id} is the one of shared/tables.ts`, () => {
      const made = resourceOf(prod, 'aws_dynamodb_table', id);
      expect(made).toMatchObject({
        name: `outpost-${id}-prod`,
        hash_key: table.partitionKey.name,
        range_key: table.sortKey.name,
      });
      const indexes = made['global_secondary_index'];
      expect(Array.isArray(indexes) ? indexes.map(({ name }) => name) : []).toEqual(
        table.indexes.map(({ name }) => name),
      );
      expect(made['ttl']).toEqual(
        table.ttlAttribute === undefined ? undefined : { attribute_name: table.ttlAttribute, enabled: true },
      );
    });
  }

  test('output is deleted after its time, abandoned uploads at once, the audit export never', () => {
    const rules = (id: string) =>
      JSON.stringify(resourceOf(prod, 'aws_s3_bucket_lifecycle_configuration', id));
    expect(rules('output-lifecycle')).toContain('"expiration":[{"days":365}]');
    expect(rules('audit-export-lifecycle')).not.toContain('expiration');
    expect(rules('audit-export-lifecycle')).toContain('abort_incomplete_multipart_upload');
  });
});

describe('api', () => {
  test('the gateway has exactly the routes of the OpenAPI document', () => {
    const { paths }: { paths: Record<string, object> } = JSON.parse(
      readFileSync('docs/openapi.json', 'utf8'),
    );
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const made = resources(prod, 'aws_apigatewayv2_route').map(({ attributes }) => attributes['route_key']);
    expect(new Set(made)).toEqual(new Set(documented));
    expect(made).toHaveLength(documented.length);
  });

  test('CORS allows the console’s origin alone, and nobody where there is none', () => {
    const cors = resourceOf(prod, 'aws_apigatewayv2_api', 'http-api')['cors_configuration'];
    expect(cors).toMatchObject({ allow_origins: ['https://console.example.com'] });
    expect(resourceOf(dev, 'aws_apigatewayv2_api', 'http-api')['cors_configuration']).toBeUndefined();
  });

  test('calls are throttled and logged as JSON without headers or query strings', () => {
    const stage = resourceOf(prod, 'aws_apigatewayv2_stage', 'stage');
    expect(stage['default_route_settings']).toMatchObject({
      throttling_rate_limit: 1000,
      throttling_burst_limit: 2000,
    });
    const settings = stage['access_log_settings'] as { format: string };
    const format: Record<string, string> = JSON.parse(settings.format);
    expect(format).toMatchObject(ACCESS_LOG_FORMAT);
    expect(Object.values(format).join()).not.toMatch(/header|query/i);
  });

  test('only what the gateway ended by itself is ingested from its log', () => {
    expect(
      resourceOf(prod, 'aws_cloudwatch_log_subscription_filter', 'access-log-subscription')['filter_pattern'],
    ).toBe('{ $.integration_status = "-" }');
  });

  test('where Stripe bills, those that bill have its names and secrets, and nobody else', async () => {
    const stripe = {
      proPrices: ['price_a'],
      enterprisePrices: ['price_b'],
      jobPrices: ['price_c'],
      meter: 'mtr_1',
      meterEvent: 'outpost_jobs',
      returnUrl: 'https://console.example.com/billing',
    };
    const reads = (stacks: Stacks): string[] =>
      statements(stacks)
        .filter(({ statement }) =>
          asList(statement.Resource).some((arn) => arn.includes('stripe_secret_key')),
        )
        .map(({ id }) => id);
    expect(reads(dev)).toEqual([]);
    const billed = await synthesize('dev', { billing: 'stripe', stripe });
    expect(new Set(reads(billed))).toEqual(new Set(['api-policy', 'stream-policy', 'usage-reporter-policy']));
    expect(
      JSON.stringify(resourceOf(billed, 'aws_lambda_function', 'usage-reporter')['environment']),
    ).toContain('"OUTPOST_STRIPE_METER":"mtr_1"');
  });

  test('with a domain of its own the generated address is closed', () => {
    expect(resourceOf(prod, 'aws_apigatewayv2_api', 'http-api')['disable_execute_api_endpoint']).toBe(true);
    expect(resources(prod, 'aws_apigatewayv2_domain_name')).toHaveLength(1);
    expect(resources(dev, 'aws_apigatewayv2_domain_name')).toHaveLength(0);
  });

  test('the stream’s URL streams', () => {
    expect(resourceOf(prod, 'aws_lambda_function_url', 'stream-url')).toMatchObject({
      invoke_mode: 'RESPONSE_STREAM',
    });
  });
});

describe('observability', () => {
  test.each([
    ['rotation-due', 'RotationsDue'],
    ['dedicated-refused', 'DedicatedStartsRefused'],
    ['isolation-probe', 'IsolationProbeFailed'],
    ['billing-accuracy', 'BillingDifference'],
  ])('the first %s of a minute raises an alarm', (id, metric) => {
    const alarm = resourceOf(prod, 'aws_cloudwatch_metric_alarm', id);
    expect(alarm).toMatchObject({
      comparison_operator: 'GreaterThanThreshold',
      threshold: 0,
      evaluation_periods: 1,
    });
    expect(JSON.stringify(alarm['metric_query'])).toContain(`"metric_name":"${metric}"`);
    expect(JSON.stringify(alarm['alarm_actions'])).toContain('aws_sns_topic.alarms');
  });

  test('every metric of our own that an alarm watches is one that the code reports', () => {
    const watched = resources(prod, 'aws_cloudwatch_metric_alarm').flatMap(({ attributes }) => [
      ...JSON.stringify(attributes['metric_query']).matchAll(/"metric_name":"(\w+)","namespace":"Outpost"/g),
    ]);
    expect(watched.length).toBeGreaterThan(4);
    const sources = [...new Bun.Glob('{api,worker}/**/*.ts').scanSync('.')]
      .map((file) => readFileSync(file, 'utf8'))
      .join();
    const silent = watched
      .map(([, name = '']) => name)
      .filter((name) => !sources.includes(`{ name: '${name}'`) && !sources.includes(`put({ ${name}:`));
    expect(silent).toEqual([]);
  });
});

describe('worker', () => {
  test('a task is 2 vCPU and 4 GB with a read-only root, an init, tmpfs, a health check and 120 s to stop', () => {
    const task = resourceOf(prod, 'aws_ecs_task_definition', 'worker-task');
    expect(task).toMatchObject({ cpu: '2048', memory: '4096' });
    const [container] = JSON.parse(String(task['container_definitions']));
    expect(container).toMatchObject({
      readonlyRootFilesystem: true,
      stopTimeout: 120,
      linuxParameters: { initProcessEnabled: true },
    });
    expect(
      container.linuxParameters.tmpfs.map(({ containerPath }: { containerPath: string }) => containerPath),
    ).toEqual(['/tmp', '/run']);
    expect(container.healthCheck.command[0]).toBe('CMD');
    expect(container.logConfiguration.logDriver).toBe('awslogs');
  });

  test('scaling adds one task for every five waiting messages, up to 50', () => {
    const policies = resources(prod, 'aws_appautoscaling_policy').filter(({ id }) =>
      id.startsWith('scale-out'),
    );
    const alarms = resources(prod, 'aws_cloudwatch_metric_alarm');
    const added = (backlog: number): number => {
      const adjustments = policies.flatMap(({ id, attributes }) => {
        const alarm = alarms.find(({ attributes: { alarm_actions } }) =>
          JSON.stringify(alarm_actions).includes(`.${id}.`),
        );
        const threshold = Number(alarm?.attributes['threshold']);
        if (!(backlog > threshold)) return [];
        const { step_adjustment } = attributes['step_scaling_policy_configuration'] as {
          step_adjustment: {
            metric_interval_lower_bound?: string;
            metric_interval_upper_bound?: string;
            scaling_adjustment: number;
          }[];
        };
        return step_adjustment
          .filter(
            (step) =>
              backlog - threshold >= Number(step.metric_interval_lower_bound ?? -Infinity) &&
              backlog - threshold < Number(step.metric_interval_upper_bound ?? Infinity),
          )
          .map((step) => step.scaling_adjustment);
      });
      return Math.max(0, ...adjustments);
    };
    expect([0, 1, 4, 6, 49, 99, 101, 199, 249, 5000].map(added)).toEqual([
      0, 1, 1, 2, 10, 20, 21, 40, 50, 50,
    ]);
  });

  test('prod keeps one worker, dev none, and neither has more than 50', () => {
    const bounds = (stacks: Stacks) => resourceOf(stacks, 'aws_appautoscaling_target', 'scaling');
    expect(bounds(prod)).toMatchObject({ min_capacity: 1, max_capacity: 50 });
    expect(bounds(dev)).toMatchObject({ min_capacity: 0, max_capacity: 50 });
  });

  test('the mode public costs nothing while idle: no NAT and no interface endpoints', () => {
    const kinds = (stacks: Stacks) =>
      resources(stacks, 'aws_vpc_endpoint').map(({ attributes }) => attributes['vpc_endpoint_type']);
    expect(resources(dev, 'aws_nat_gateway')).toHaveLength(0);
    expect(new Set(kinds(dev))).toEqual(new Set(['Gateway']));
    expect(resources(prod, 'aws_nat_gateway')).toHaveLength(1);
    expect(kinds(prod)).toContain('Interface');
  });

  test('a dedicated tenant has an access point under its uid, and a role that reads no other tenant', () => {
    expect(resourceOf(prod, 'aws_efs_access_point', `dedicated-${TENANT}`)).toMatchObject({
      posix_user: { uid: 200_017, gid: 200_017 },
    });
    const own = statements(prod).filter(({ id }) => id === `dedicated-${TENANT}-policy`);
    const reached = own.flatMap(({ statement }) => statement.Resource).map(String);
    const tenantData = reached.filter((arn) => /outpost-output|\/outpost\/tenants\//.test(arn));
    expect(tenantData.filter((arn) => !arn.includes(TENANT) && arn.includes('/'))).toEqual([]);
    expect(JSON.stringify(own)).not.toContain('ClientRootAccess');
  });

  test('its task names the tenant, so that whoever starts it cannot have it serve another', () => {
    const task = resourceOf(prod, 'aws_ecs_task_definition', `dedicated-${TENANT}-task`);
    expect(task['family']).toBe(`outpost-dedicated-prod-${TENANT}`);
    const [container] = JSON.parse(String(task['container_definitions']));
    expect(container.name).toBe('worker');
    expect(container.environment).toContainEqual({ name: 'OUTPOST_ONLY_TENANT', value: TENANT });
    const [pooled] = JSON.parse(
      String(resourceOf(prod, 'aws_ecs_task_definition', 'worker-task')['container_definitions']),
    );
    expect(JSON.stringify(pooled.environment)).not.toContain('OUTPOST_ONLY_TENANT');
  });

  test('its queue feeds the function that starts its tasks, one message a call', () => {
    expect(resourceOf(prod, 'aws_lambda_event_source_mapping', 'start-dedicated-source')).toMatchObject({
      event_source_arn: expect.stringMatching(/:outpost-jobs-dedicated-prod$/),
      batch_size: 1,
    });
    expect(
      JSON.parse(String(resourceOf(prod, 'aws_sqs_queue', 'dedicated')['redrive_policy'])),
    ).toMatchObject({ deadLetterTargetArn: expect.stringMatching(/:outpost-jobs-dlq-prod$/) });
  });

  test('nothing may hand on a role where there is no dedicated tenant', () => {
    expect(JSON.stringify(statements(dev))).not.toContain('iam:PassRole');
  });
});

describe('state', () => {
  test('lies in S3 under a lock when there is a bucket, else in a folder without a machine’s path', () => {
    for (const { terraform } of Object.values(prod)) {
      expect(terraform.backend['s3']).toMatchObject({ use_lockfile: true, encrypt: true });
    }
    for (const { terraform } of Object.values(dev)) {
      expect(terraform.backend['local']?.['path']).toStartWith('../../../.outpost/');
    }
  });

  test('the provider refuses any account but the configured one', () => {
    for (const stack of Object.values(prod)) {
      expect(JSON.stringify(stack)).toContain('"allowed_account_ids":["123456789012"]');
    }
  });
});

const manyTenants = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: crypto.randomUUID(), uid: 200_000 + index }));

test('as many dedicated tenants as there may be fit the policy of what starts their tasks', async () => {
  const stacks = await synthesize('staging', { dedicatedTenants: manyTenants(36), region: 'ap-southeast-1' });
  const { policy } = resourceOf(stacks, 'aws_iam_role_policy', 'start-dedicated-policy');
  expect(String(policy).length).toBeGreaterThan(5_000);
  expect(String(policy).length).toBeLessThan(10_240);
});

describe('settings', () => {
  const refused: readonly [string, Record<string, unknown>][] = [
    ['an unknown name', { wokers: {} }],
    ['a negative minimum', { workers: { minimum: -1 } }],
    ['more workers at least than at most', { workers: { minimum: 5, maximum: 4 } }],
    ['a memory that Fargate does not offer', { workers: { memory: 3000 } }],
    ['a retention that CloudWatch does not offer', { logRetentionDays: 15 }],
    ['an image without a digest', { workerImage: 'example/worker:latest' }],
    ['an origin that is not https', { consoleOrigin: 'http://console.example.com' }],
    ['an account that is none', { accountId: '42' }],
    ['billing through a Stripe that is not described', { billing: 'stripe' }],
    ['a dedicated tenant with a system uid', { dedicatedTenants: [{ id: TENANT, uid: 0 }] }],
    ['more dedicated tenants than a policy can name', { dedicatedTenants: manyTenants(37) }],
  ];
  for (const [what, overrides] of refused) {
    test(`refuse ${what}`, () => expect(() => settingsOf('dev', overrides)).toThrow(SettingsError));
  }

  test('refuse a prod that may lose data', () => {
    expect(() => settingsOf('prod', { protectData: false })).toThrow(/protectData/);
  });
});
