import type { Needs } from './constructs/link.ts';

/**
 * Every Lambda function: what it needs, how big it is, and what calls it. The gateway's own (api, authorizer)
 * are called by the API; the rest by a schedule, a queue or a log group.
 */
export type FunctionSpec = {
  readonly about: string;
  readonly needs: Needs;
  /** MiB. Lambda gives CPU in proportion: 1769 MiB is one vCPU. */
  readonly memory: number;
  readonly timeoutSeconds: number;
  readonly trigger:
    | { readonly kind: 'gateway' | 'url' | 'access-log' | 'rotation' }
    | { readonly kind: 'schedule'; readonly expression: string }
    | { readonly kind: 'queue'; readonly queue: 'audit' | 'dead'; readonly batch: number };
  /** An upper bound where more at once would be a fault, not load. */
  readonly concurrency?: number;
};

const WHOLE_TABLE = [
  'GetItem',
  'Query',
  'PutItem',
  'UpdateItem',
  'DeleteItem',
  'ConditionCheckItem',
] as const;

/** What createApiDeps reads, and what leaves an audit entry behind. */
const CORE: Needs = {
  platformSecrets: ['pepper'],
  sends: ['audit'],
  tables: { audit: ['PutItem', 'UpdateItem'] },
};

const API: Needs = {
  ...CORE,
  tables: {
    tenants: [...WHOLE_TABLE, 'BatchGetItem'],
    jobs: WHOLE_TABLE,
    audit: ['PutItem', 'UpdateItem', 'Query'],
  },
  sends: ['high', 'normal', 'low', 'audit'],
  measures: ['high', 'normal', 'low'],
  output: ['GetObject', 'ListBucket'],
  tenantSecrets: [
    'CreateSecret',
    'DeleteSecret',
    'DescribeSecret',
    'GetSecretValue',
    'PutSecretValue',
    'RestoreSecret',
    'RotateSecret',
    'TagResource',
    'UpdateSecretVersionStage',
  ],
  auditExport: ['GetObject'],
  rotates: true,
  bills: true,
  wakesWorkers: true,
  runsDedicated: true,
};

export const FUNCTIONS = {
  api: {
    about: 'The HTTP API',
    needs: API,
    memory: 1769,
    timeoutSeconds: 29,
    trigger: { kind: 'gateway' },
  },
  stream: {
    about: 'The same API behind a URL that streams',
    needs: API,
    memory: 1024,
    timeoutSeconds: 900,
    trigger: { kind: 'url' },
  },
  authorizer: {
    about: 'Says who asks',
    needs: { ...CORE, tables: { tenants: ['GetItem', 'UpdateItem'], audit: ['PutItem', 'UpdateItem'] } },
    memory: 1769,
    timeoutSeconds: 10,
    trigger: { kind: 'gateway' },
  },
  'audit-writer': {
    about: 'Writes the audit queue into the table',
    needs: { ...CORE, sends: [], receives: ['audit'] },
    memory: 512,
    timeoutSeconds: 60,
    trigger: { kind: 'queue', queue: 'audit', batch: 10 },
  },
  'access-log': {
    about: 'Turns what the gateway refused by itself into audit entries',
    needs: CORE,
    memory: 512,
    timeoutSeconds: 60,
    trigger: { kind: 'access-log' },
  },
  'audit-export': {
    about: 'Writes each day of the audit table to S3',
    needs: {
      ...CORE,
      tables: { tenants: ['GetItem', 'Query'], audit: ['Query', 'PutItem', 'UpdateItem'] },
      auditExport: ['AbortMultipartUpload', 'GetObject', 'PutObject'],
    },
    memory: 1024,
    timeoutSeconds: 900,
    trigger: { kind: 'schedule', expression: 'cron(30 0 * * ? *)' },
    concurrency: 1,
  },
  'dead-letters': {
    about: 'Judges the dead letters of the job queues',
    needs: {
      ...CORE,
      tables: { tenants: WHOLE_TABLE, jobs: WHOLE_TABLE, audit: ['PutItem', 'UpdateItem'] },
      sends: ['high', 'normal', 'low', 'audit'],
      receives: ['dead'],
    },
    memory: 512,
    timeoutSeconds: 60,
    // Not an event source mapping: that would take the letters that are to stay for the operator.
    trigger: { kind: 'schedule', expression: 'rate(5 minutes)' },
    concurrency: 1,
  },
  sweeper: {
    about: 'Sends forgotten work again and wakes the workers',
    needs: {
      ...CORE,
      tables: { tenants: WHOLE_TABLE, jobs: WHOLE_TABLE, audit: ['PutItem', 'UpdateItem'] },
      sends: ['high', 'normal', 'low', 'audit'],
      measures: ['high', 'normal', 'low'],
      tenantSecrets: ['DeleteSecret', 'DescribeSecret'],
      wakesWorkers: true,
    },
    memory: 512,
    timeoutSeconds: 50,
    trigger: { kind: 'schedule', expression: 'rate(1 minute)' },
    concurrency: 1,
  },
  'usage-reporter': {
    about: 'Alerts of quotas; reports the ledger to Stripe where it bills',
    needs: {
      ...CORE,
      bills: true,
      tables: { tenants: WHOLE_TABLE, audit: ['PutItem', 'UpdateItem'] },
    },
    memory: 512,
    timeoutSeconds: 300,
    trigger: { kind: 'schedule', expression: 'rate(5 minutes)' },
    concurrency: 1,
  },
  rotation: {
    about: 'Rotates a provider key in four steps',
    needs: {
      ...CORE,
      tenantSecrets: ['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage'],
    },
    memory: 512,
    timeoutSeconds: 60,
    trigger: { kind: 'rotation' },
  },
} as const satisfies Record<string, FunctionSpec>;

export type FunctionName = keyof typeof FUNCTIONS;
export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as FunctionName[];

/** What a worker calls. */
export const WORKER_NEEDS: Needs = {
  tables: {
    tenants: WHOLE_TABLE,
    jobs: WHOLE_TABLE,
    audit: ['PutItem', 'UpdateItem'],
  },
  sends: ['high', 'normal', 'low', 'dead', 'audit'],
  receives: ['high', 'normal', 'low'],
  output: ['AbortMultipartUpload', 'GetObject', 'ListBucket', 'PutObject'],
  tenantSecrets: ['GetSecretValue'],
  protectsTask: true,
};
