import type { AlarmSpec, Metric } from './constructs/alarm.ts';
import type { FunctionName } from './functions.ts';
import type { Names } from './names.ts';

const lambda = (names: Names, own: string, name: string, stat: string): Metric => ({
  namespace: 'AWS/Lambda',
  name,
  dimensions: { FunctionName: names.own(own) },
  stat,
});

const queue = (names: Names, id: Parameters<Names['queue']>[0], name: string): Metric => ({
  namespace: 'AWS/SQS',
  name,
  dimensions: { QueueName: names.queue(id) },
  stat: 'Maximum',
});

/** What the processes report of themselves (EMF). Not seen while nothing is wrong or nothing runs. */
const own = (names: Names, name: string, stat: string): Metric => ({
  namespace: 'Outpost',
  name,
  dimensions: { environment: names.environment },
  stat,
});

/** Milliseconds within which a caller must be known, the start of the function included. */
const AUTHENTICATION_P99_MS = 50;
/** Milliseconds from message to claim while a worker is free. */
const DISPATCH_P99_MS = 200;
/** Seconds that the oldest message may wait: from 0 to 50 workers takes less than five minutes. */
const OLDEST_MESSAGE_SECONDS = 300;
/** Row Q1. */
const DEAD_LETTERS = 10;

/** One alarm for each promise of the system, and for what would break it silently. */
export function alarmSpecs(names: Names, functions: readonly FunctionName[]): AlarmSpec[] {
  return [
    {
      name: 'authentication-p99',
      about: 'Callers wait longer than 50 ms for the authorizer at p99, its start included',
      metrics: [own(names, 'AuthorizerTime', 'p99')],
      above: AUTHENTICATION_P99_MS,
      periods: 5,
    },
    {
      name: 'api-errors',
      about: 'The API crashes',
      metrics: [lambda(names, 'api', 'Errors', 'Sum'), lambda(names, 'stream', 'Errors', 'Sum')],
      expression: 'FILL(a,0)+FILL(b,0)',
      above: 0,
      periods: 1,
    },
    {
      name: 'dispatch-p99',
      about: 'Jobs wait longer than 200 ms for a free worker at p99',
      metrics: [own(names, 'QueueAge', 'p99')],
      above: DISPATCH_P99_MS,
      periods: 5,
    },
    {
      name: 'scale-out-time',
      about: 'A message is older than five minutes: too few workers came',
      metrics: (['high', 'normal', 'low'] as const).map((id) =>
        queue(names, id, 'ApproximateAgeOfOldestMessage'),
      ),
      expression: 'MAX([FILL(a,0),FILL(b,0),FILL(c,0)])',
      above: OLDEST_MESSAGE_SECONDS,
      periods: 2,
    },
    {
      name: 'dedicated-refused',
      about: 'The task of a dedicated tenant could not be started: it may be missing from dedicatedTenants',
      metrics: [own(names, 'DedicatedStartsRefused', 'Sum')],
      above: 0,
      periods: 1,
    },
    {
      name: 'dedicated-late',
      about: 'Jobs of dedicated tenants wait for the start of their task',
      metrics: [queue(names, 'dedicated', 'ApproximateAgeOfOldestMessage')],
      above: OLDEST_MESSAGE_SECONDS,
      periods: 2,
    },
    {
      name: 'rotation-due',
      about: 'A provider key is overdue for rotation, and its tenant has staged no new one',
      metrics: [own(names, 'RotationsDue', 'Sum')],
      above: 0,
      periods: 1,
    },
    {
      name: 'dead-letters',
      about: 'Ten jobs or more were given up',
      metrics: [
        queue(names, 'dead', 'ApproximateNumberOfMessagesVisible'),
        queue(names, 'dead', 'ApproximateNumberOfMessagesNotVisible'),
      ],
      expression: 'FILL(a,0)+FILL(b,0)',
      above: DEAD_LETTERS - 1,
      periods: 1,
    },
    {
      name: 'audit-lost',
      about: 'Audit entries could not be written: coverage is below 100 %',
      metrics: [queue(names, 'audit-dead', 'ApproximateNumberOfMessagesVisible')],
      above: 0,
      periods: 1,
    },
    {
      name: 'audit-late',
      about: 'Audit entries wait for their table',
      metrics: [queue(names, 'audit', 'ApproximateAgeOfOldestMessage')],
      above: OLDEST_MESSAGE_SECONDS,
      periods: 2,
    },
    {
      name: 'tenants-in-flight',
      about: 'Work of more than 10,000 tenants is in flight: more than the capacity plan holds',
      metrics: [own(names, 'TenantsInFlight', 'Maximum')],
      above: 10_000,
      periods: 1,
    },
    {
      name: 'billing-accuracy',
      about: 'Ledger and Stripe differ',
      metrics: [own(names, 'BillingDifference', 'Maximum')],
      above: 0,
      periods: 1,
    },
    {
      name: 'isolation-probe',
      about: 'A probe reached what belongs to another tenant',
      metrics: [own(names, 'IsolationProbeFailed', 'Sum')],
      above: 0,
      periods: 1,
    },
    {
      name: 'leases-lost',
      about: 'Workers lose their leases',
      metrics: [own(names, 'LeasesLost', 'Sum')],
      above: 0,
      periods: 3,
    },
    ...functions
      .filter((name) => name !== 'api' && name !== 'stream')
      .map((name) => ({
        name: `errors-${name}`,
        about: `The function ${name} fails`,
        metrics: [lambda(names, name, 'Errors', 'Sum')],
        above: 0,
        periods: 3,
      })),
  ];
}
