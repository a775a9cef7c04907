import type { QueueId } from '../shared/queues.ts';
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
    | { readonly kind: 'queue'; readonly queue: QueueId; readonly batch: number };
  /** An upper bound where more at once would be a fault, not load. */
  readonly concurrency?: number;
};

/** Every function's start reads the pepper. */
const PEPPER = ['pepper'] as const;

const API: Needs = {
  platformSecrets: PEPPER,
  tables: {
    tenants: [
      'BatchGetItem',
      'ConditionCheckItem',
      'DeleteItem',
      'GetItem',
      'PutItem',
      'Query',
      'Query:directory',
      'Query:keys-by-tenant',
      'UpdateItem',
    ],
    jobs: ['GetItem', 'PutItem', 'Query', 'Query:by-status', 'UpdateItem'],
    audit: ['PutItem', 'Query'],
  },
  sends: ['high', 'normal', 'low', 'audit'],
  measures: ['high', 'normal', 'low'],
  output: ['GetObject', 'ListBucket'],
  // Never GetSecretValue: only the worker reads a provider key.
  tenantSecrets: [
    'CreateSecret',
    'DeleteSecret',
    'DescribeSecret',
    'PutSecretValue',
    'RestoreSecret',
    'RotateSecret',
    'TagResource',
  ],
  rotates: true,
  bills: true,
  wakesWorkers: true,
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
    needs: {
      platformSecrets: PEPPER,
      tables: { tenants: ['GetItem'], audit: ['PutItem'] },
      sends: ['audit'],
    },
    memory: 1769,
    timeoutSeconds: 10,
    trigger: { kind: 'gateway' },
  },
  'audit-writer': {
    about: 'Writes the audit queue into the table',
    needs: { platformSecrets: PEPPER, tables: { audit: ['PutItem'] }, isFedBy: 'audit' },
    memory: 512,
    timeoutSeconds: 60,
    trigger: { kind: 'queue', queue: 'audit', batch: 10 },
  },
  'access-log': {
    about: 'Turns what the gateway refused by itself into audit entries',
    needs: { platformSecrets: PEPPER, tables: { audit: ['PutItem'] } },
    memory: 512,
    timeoutSeconds: 60,
    trigger: { kind: 'access-log' },
  },
  'audit-export': {
    about: 'Writes each day of the audit table to S3',
    needs: {
      platformSecrets: PEPPER,
      tables: { tenants: ['Query:directory'], audit: ['Query'] },
      auditExport: ['PutObject'],
    },
    memory: 1024,
    timeoutSeconds: 900,
    trigger: { kind: 'schedule', expression: 'cron(30 0 * * ? *)' },
    concurrency: 1,
  },
  'dead-letters': {
    about: 'Judges the dead letters of the job queues',
    needs: {
      platformSecrets: PEPPER,
      tables: { jobs: ['GetItem', 'UpdateItem'] },
      sends: ['high', 'normal', 'low'],
      receives: ['dead'],
    },
    memory: 512,
    timeoutSeconds: 60,
    // Not an event source mapping: that would take the letters that are to stay for the operator.
    trigger: { kind: 'schedule', expression: 'rate(5 minutes)' },
    concurrency: 1,
  },
  'start-dedicated': {
    about: 'Starts a task for each job of a dedicated tenant',
    needs: {
      platformSecrets: PEPPER,
      tables: { tenants: ['GetItem'], jobs: ['GetItem', 'UpdateItem'] },
      sends: ['high', 'normal', 'low'],
      isFedBy: 'dedicated',
      startsDedicatedTasks: true,
    },
    memory: 512,
    timeoutSeconds: 60,
    // One task a call: a refused one brings back no other.
    trigger: { kind: 'queue', queue: 'dedicated', batch: 1 },
  },
  sweeper: {
    about: 'Sends forgotten work again and wakes the workers',
    needs: {
      platformSecrets: PEPPER,
      tables: {
        tenants: ['GetItem', 'PutItem', 'Query:directory', 'UpdateItem'],
        jobs: ['GetItem', 'Query:by-status', 'Query:parked', 'Query:unfinished', 'Scan:parked', 'UpdateItem'],
        audit: ['PutItem'],
      },
      sends: ['high', 'normal', 'low'],
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
      platformSecrets: PEPPER,
      bills: true,
      alerts: true,
      tables: {
        tenants: [
          'ConditionCheckItem',
          'DeleteItem',
          'GetItem',
          'PutItem',
          'Query',
          'Query:directory',
          'Query:outbox',
          'UpdateItem',
        ],
        // A change of plan that Stripe tells of counts the jobs of the time without a quota.
        jobs: ['Query'],
        audit: ['PutItem'],
      },
    },
    memory: 512,
    timeoutSeconds: 300,
    trigger: { kind: 'schedule', expression: 'rate(5 minutes)' },
    concurrency: 1,
  },
  rotation: {
    about: 'Rotates a provider key in four steps',
    needs: {
      platformSecrets: PEPPER,
      tables: { audit: ['PutItem'] },
      tenantSecrets: ['DescribeSecret', 'GetSecretValue', 'UpdateSecretVersionStage'],
    },
    memory: 512,
    timeoutSeconds: 60,
    trigger: { kind: 'rotation' },
  },
} as const satisfies Record<string, FunctionSpec>;

export type FunctionName = keyof typeof FUNCTIONS;
export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as FunctionName[];

/** What a worker of the pool calls. */
export const WORKER_NEEDS: Needs = {
  tables: {
    tenants: ['ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'UpdateItem'],
    jobs: ['GetItem', 'Query:parked', 'UpdateItem'],
    audit: ['PutItem'],
  },
  sends: ['high', 'normal', 'low', 'dedicated', 'dead'],
  receives: ['high', 'normal', 'low'],
  holdsMessages: true,
  output: ['AbortMultipartUpload', 'GetObject', 'ListBucket', 'PutObject'],
  tenantSecrets: ['GetSecretValue'],
  protectsTask: true,
};

/** What the worker of a dedicated tenant calls: it is told of its job, and no service scales it in. */
export const DEDICATED_NEEDS: Needs = {
  tables: WORKER_NEEDS.tables ?? {},
  sends: ['high', 'normal', 'low', 'dead'],
  output: WORKER_NEEDS.output ?? [],
  tenantSecrets: WORKER_NEEDS.tenantSecrets ?? [],
};
