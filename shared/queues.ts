/** The one description of Outpost's queues, for the stacks, local AWS and the tests. Source: rows Q1, W1. */
export type Queue = {
  readonly visibilityTimeoutSeconds: number;
  readonly retentionSeconds: number;
  /** Where a message goes after `maxReceiveCount` receives. */
  readonly deadLetter?: { readonly queue: string; readonly maxReceiveCount: number };
};

const FIFTEEN_MINUTES = 15 * 60;
const FOURTEEN_DAYS = 14 * 24 * 60 * 60;

const jobs: Queue = {
  visibilityTimeoutSeconds: FIFTEEN_MINUTES,
  retentionSeconds: FOURTEEN_DAYS,
  deadLetter: { queue: 'dead', maxReceiveCount: 3 },
};
const plain: Queue = { visibilityTimeoutSeconds: FIFTEEN_MINUTES, retentionSeconds: FOURTEEN_DAYS };

export const QUEUES = {
  high: jobs,
  normal: jobs,
  low: jobs,
  /** Jobs of tenants with tasks of their own: a function starts one for each message. */
  dedicated: jobs,
  dead: plain,
  audit: { ...plain, deadLetter: { queue: 'audit-dead', maxReceiveCount: 3 } },
  'audit-dead': plain,
} as const satisfies Record<string, Queue>;

export type QueueId = keyof typeof QUEUES;

const NAMES: Record<QueueId, string> = {
  high: 'outpost-jobs-high',
  normal: 'outpost-jobs',
  low: 'outpost-jobs-low',
  dedicated: 'outpost-jobs-dedicated',
  dead: 'outpost-jobs-dlq',
  audit: 'outpost-audit',
  'audit-dead': 'outpost-audit-dlq',
};

/** The physical name of a queue in an environment, for example `outpost-jobs-high-prod`. */
export const queueName = (queue: QueueId, environment: string): string => `${NAMES[queue]}-${environment}`;
