import type { VariableName } from '../../shared/env.ts';
import { QUEUES, type QueueId } from '../../shared/queues.ts';
import { TABLES, type TableId } from '../../shared/tables.ts';
import type { Deployment } from '../deployment.ts';
import type { Names } from '../names.ts';
import type { Settings } from '../settings.ts';
import type { Statement } from './policy.ts';

type IndexName = (typeof TABLES)[TableId]['indexes'][number]['name'];
type TableAction =
  | 'BatchGetItem'
  | 'ConditionCheckItem'
  | 'DeleteItem'
  | 'GetItem'
  | 'PutItem'
  | 'Query'
  /** A query of this index; without a name, of the table itself. */
  | `Query:${IndexName}`
  /** A scan of this index; never of a table. */
  | `Scan:${IndexName}`
  | 'UpdateItem';
type SecretAction =
  | 'CreateSecret'
  | 'DeleteSecret'
  | 'DescribeSecret'
  | 'GetSecretValue'
  | 'PutSecretValue'
  | 'RestoreSecret'
  | 'RotateSecret'
  | 'TagResource'
  | 'UpdateSecretVersionStage';
type ObjectAction = 'AbortMultipartUpload' | 'GetObject' | 'PutObject';

/** What a function or a task works with. Nothing else is granted to it. */
export type Needs = {
  /** A transaction needs the actions of its parts. */
  readonly tables?: Readonly<Partial<Record<TableId, readonly TableAction[]>>>;
  readonly sends?: readonly QueueId[];
  readonly receives?: readonly QueueId[];
  /** Keeps what it receives invisible for as long as it works on it. */
  readonly holdsMessages?: true;
  /** Lambda polls this queue in the function's name. */
  readonly isFedBy?: QueueId;
  readonly measures?: readonly QueueId[];
  readonly output?: readonly (ObjectAction | 'ListBucket')[];
  readonly auditExport?: readonly ObjectAction[];
  /** Reads the platform secrets of these names. */
  readonly platformSecrets?: readonly string[];
  readonly tenantSecrets?: readonly SecretAction[];
  /** Looks at the worker service and raises it from zero. */
  readonly wakesWorkers?: true;
  /** Starts the tasks of dedicated tenants, where the worker service says. */
  readonly startsDedicatedTasks?: true;
  /** Holds its own ECS task while it works. */
  readonly protectsTask?: true;
  /** Has Secrets Manager rotate provider keys, which takes the right to invoke the function that does. */
  readonly rotates?: true;
  /** Talks to Stripe, where the deployment bills. */
  readonly bills?: true;
  /** Hands quota alerts to their topic. */
  readonly alerts?: true;
  /** Limits output and provider keys to this tenant's. */
  readonly tenant?: string;
  readonly env?: Readonly<Partial<Record<VariableName, string>>>;
};

/** The other side of `Needs`: names in the environment, and permissions. Neither comes without the other. */
export type Link = {
  readonly env: Readonly<Record<string, string>>;
  readonly statements: readonly Statement[];
};

/** Gives a function or a task the environment and the permissions that its needs take, in one. */
export function link(deployment: Deployment, needs: Needs): Link {
  const { settings, names } = deployment;
  const env: Partial<Record<VariableName, string>> = {
    OUTPOST_ENV: settings.environment,
    OUTPOST_QUEUE_BASE_URL: names.queueBaseUrl,
    OUTPOST_BUCKET_SUFFIX: settings.accountId,
    OUTPOST_AUDIT_RETENTION_DAYS: String(settings.auditRetentionDays),
    OUTPOST_BILLING: settings.billing,
    ...(needs.bills === true ? stripeEnv(settings) : {}),
    ...(needs.rotates === true ? { OUTPOST_ROTATION_FUNCTION_ARN: names.functionArn('rotation') } : {}),
    ...(needs.alerts === true ? { OUTPOST_ALERT_TOPIC_ARN: names.topicArn(ALERT_TOPIC) } : {}),
    ...needs.env,
  };
  return {
    env: { ...env },
    statements: [
      ...tableStatements(deployment, needs),
      ...queueStatements(deployment, needs),
      ...bucketStatements(deployment, needs),
      ...secretStatements(deployment, needs),
      ...(needs.alerts === true ? [allow(['sns:Publish'], [names.topicArn(ALERT_TOPIC)])] : []),
      ...taskStatements(deployment, needs),
      ...keyStatements(deployment, needs),
    ],
  };
}

/** Part of the name of the topic of quota alerts. */
export const ALERT_TOPIC = 'quota-alerts';

const STRIPE_SECRETS = ['stripe_secret_key', 'stripe_webhook_secret'];

const allow = (Action: readonly string[], Resource: readonly string[]): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
});

function tableStatements({ names }: Deployment, { tables = {} }: Needs): Statement[] {
  const ids = Object.keys(TABLES) as TableId[];
  return ids.flatMap((id) => {
    const actions = tables[id] ?? [];
    if (actions.length === 0) return [];
    const arn = names.tableArn(id);
    const onItems = actions.filter((action) => !action.includes(':'));
    return [
      ...(onItems.length === 0
        ? []
        : [
            allow(
              onItems.map((action) => `dynamodb:${action}`),
              [arn],
            ),
          ]),
      ...(['Query', 'Scan'] as const).flatMap((read) => {
        const indexes = actions.filter((action) => action.startsWith(`${read}:`));
        if (indexes.length === 0) return [];
        return [
          allow(
            [`dynamodb:${read}`],
            indexes.map((action) => `${arn}/index/${action.slice(read.length + 1)}`),
          ),
        ];
      }),
    ];
  });
}

function queueStatements({ names }: Deployment, needs: Needs): Statement[] {
  const grant = (actions: readonly string[], queues: readonly QueueId[] = []): Statement[] => {
    const arns = (Object.keys(QUEUES) as QueueId[]).filter((id) => queues.includes(id)).map(names.queueArn);
    return arns.length === 0 ? [] : [allow(actions, arns)];
  };
  return [
    ...grant(['sqs:SendMessage'], needs.sends),
    ...grant(['sqs:ReceiveMessage', 'sqs:DeleteMessage'], needs.receives),
    ...grant(['sqs:ChangeMessageVisibility'], needs.holdsMessages === true ? needs.receives : []),
    // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    ...grant(
      ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      needs.isFedBy === undefined ? [] : [needs.isFedBy],
    ),
    ...grant(['sqs:GetQueueAttributes'], needs.measures),
  ];
}

function bucketStatements({ names }: Deployment, needs: Needs): Statement[] {
  const { output = [], auditExport = [], tenant } = needs;
  const prefix = tenant === undefined ? '*' : `${tenant}/*`;
  const objects = (actions: readonly string[], arn: string): Statement[] => {
    if (actions.length === 0) return [];
    return [
      allow(
        actions.map((action) => `s3:${action}`),
        [arn],
      ),
    ];
  };
  const listing: Statement = {
    ...allow(['s3:ListBucket'], [names.bucketArn('output')]),
    ...(tenant === undefined ? {} : { Condition: { StringLike: { 's3:prefix': prefix } } }),
  };
  return [
    ...objects(
      output.filter((action) => action !== 'ListBucket'),
      `${names.bucketArn('output')}/${prefix}`,
    ),
    ...objects(auditExport, `${names.bucketArn('audit-export')}/*`),
    ...(output.includes('ListBucket') ? [listing] : []),
  ];
}

/** Names of things at Stripe; its two secrets are read from Secrets Manager. */
function stripeEnv({ stripe }: Settings): Partial<Record<VariableName, string>> {
  if (stripe === null) return {};
  return {
    OUTPOST_STRIPE_PRO_PRICES: stripe.proPrices.join(','),
    OUTPOST_STRIPE_ENTERPRISE_PRICES: stripe.enterprisePrices.join(','),
    OUTPOST_STRIPE_JOB_PRICES: stripe.jobPrices.join(','),
    OUTPOST_STRIPE_METER: stripe.meter,
    OUTPOST_STRIPE_METER_EVENT: stripe.meterEvent,
    OUTPOST_BILLING_RETURN_URL: stripe.returnUrl,
  };
}

function secretStatements({ names, settings }: Deployment, needs: Needs): Statement[] {
  const { tenantSecrets = [], tenant } = needs;
  const bills = needs.bills === true && settings.billing === 'stripe';
  const platformSecrets = [...(needs.platformSecrets ?? []), ...(bills ? STRIPE_SECRETS : [])];
  return [
    ...(needs.rotates === true ? [allow(['lambda:InvokeFunction'], [names.functionArn('rotation')])] : []),
    ...(platformSecrets.length === 0
      ? []
      : [allow(['secretsmanager:GetSecretValue'], platformSecrets.map(names.platformSecretArn))]),
    ...(tenantSecrets.length === 0
      ? []
      : [
          allow(
            tenantSecrets.map((action) => `secretsmanager:${action}`),
            [names.tenantSecretsArn(tenant)],
          ),
        ]),
  ];
}

function taskStatements(deployment: Deployment, needs: Needs): Statement[] {
  const { names, settings } = deployment;
  return [
    ...(needs.wakesWorkers === true
      ? [allow(['ecs:DescribeServices', 'ecs:UpdateService'], [names.workerServiceArn])]
      : []),
    ...(needs.startsDedicatedTasks === true ? dedicatedStatements(deployment) : []),
    ...(needs.protectsTask === true
      ? [
          {
            ...allow(
              ['ecs:UpdateTaskProtection'],
              [`arn:aws:ecs:${settings.region}:${settings.accountId}:task/${names.cluster}/*`],
            ),
            Condition: { ArnEquals: { 'ecs:cluster': names.clusterArn } },
          },
        ]
      : []),
  ];
}

/** RunTask takes the right to hand the roles of its task to ECS: these and to nobody else. */
function dedicatedStatements({ names, settings }: Deployment): Statement[] {
  const { dedicatedTenants, environment } = settings;
  const describe = allow(['ecs:DescribeServices'], [names.workerServiceArn]);
  if (dedicatedTenants.length === 0) return [describe];
  const roles = dedicatedTenants.map(({ id }) => names.roleArn(dedicatedRole(environment, id)));
  return [
    describe,
    {
      ...allow(
        ['ecs:RunTask'],
        dedicatedTenants.map(({ id }) => names.dedicatedFamilyArn(id)),
      ),
      Condition: { ArnEquals: { 'ecs:cluster': names.clusterArn } },
    },
    {
      ...allow(['iam:PassRole'], [...roles, names.roleArn(executionRole(names))]),
      Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    },
  ];
}

/** The role with which ECS starts every worker's task. */
export const executionRole = (names: Names): string => names.own('worker-execution');

/** A role's name has at most 64 characters, so only the first part of the tenant's id is in it. */
export const dedicatedRole = (environment: string, tenantId: string): string =>
  `outpost-dedicated-${tenantId.slice(0, 23)}-${environment}`;

/**
 * The key behind tables and buckets, usable only through them. Secrets have the account's own key, which Secrets
 * Manager uses by itself.
 */
function keyStatements({ settings, keyArn }: Deployment, needs: Needs): Statement[] {
  const services = [
    ...(needs.tables === undefined ? [] : ['dynamodb']),
    ...(needs.output === undefined && needs.auditExport === undefined ? [] : ['s3']),
  ];
  if (services.length === 0) return [];
  return [
    {
      ...allow(['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'], [keyArn]),
      Condition: {
        StringEquals: {
          'kms:ViaService': services.map((service) => `${service}.${settings.region}.amazonaws.com`),
        },
      },
    },
  ];
}
