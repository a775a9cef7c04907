import { type LocalAws, startLocalAws } from '../../tests/harness/local-aws.ts';
import { awsOf, startApi } from '../../tests/harness/outpost.ts';
import type { Bench, BenchContext, BenchResult, Table, Target } from '../model.ts';
import { type RealRun, realRun, type Share } from './jobs-run.ts';
import { measurePaths, type PathCost } from './paths.ts';
import { type Bill, billOf, dollarsOf, PRICES } from './prices.ts';
import { type Call, startRecorder } from './recorder.ts';
import { type ScheduledRun, scheduledRuns } from './scheduled.ts';

const SIZE = { jobs: 200, reads: 200, idleSeconds: 60 };
const QUICK_SIZE = { jobs: 5, reads: 5, idleSeconds: 21 };
const MONTH_SECONDS = 30 * 24 * 3600;
/**
 * Lambda's own pollers of a queue, each with a long poll of 20 s.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
 */
const POLLERS = 5;
const LONG_POLL_SECONDS = 20;

export const awsCallsBench: Bench = {
  name: 'aws-calls',
  title: 'AWS calls and cost',
  about: `Every call that reached AWS, recorded by a proxy in front of local AWS while the processes of an Outpost work, with
the request units that DynamoDB says it consumed (local AWS counts them by AWS's rules and is checked against an
emulator that is verified against AWS). Dollars are these counts times list prices (us-east-1, on demand, no free tier;
bench/aws-calls/prices.ts). *Round trips* are those that wait for one another: the proxy holds every call until none
has come for 200 ms, so calls that are made side by side share one. The cheapest of six requests is shown; the others
also renew a lease of rate-limit tokens, note that the key was used, or sample the queues' depth, each at most once in
a while. What is not in it: the workers' Fargate time, storage, logs (\`bun bench/scaling/cost.ts\` puts those together).`,
  run,
};

async function run({ quick, progress }: BenchContext): Promise<BenchResult> {
  const size = quick ? QUICK_SIZE : SIZE;
  progress('request paths');
  const paths = await withLocalAws(pathsOf);
  // An AWS of its own for each: what one leaves behind would be the work of the next.
  const real = await withLocalAws((local) => realRun(local, size, progress));
  progress('scheduled functions');
  const scheduled = await withLocalAws(scheduledOf);
  return {
    tables: [
      pathTable(paths),
      shareTable('Per 1,000 jobs', real.jobs, 1000 / size.jobs),
      operationTable('Calls of one job', real.jobs, 1 / size.jobs),
      shareTable('Per 1,000 reads (GET /jobs/{id})', real.reads, 1000 / size.reads),
      idleTable(scheduled, real, size.idleSeconds),
    ],
    plots: [],
    targets: targets(paths),
    skipped: [],
    rounds: 1,
  };
}

async function withLocalAws<T>(work: (local: LocalAws) => Promise<T>): Promise<T> {
  const local = await startLocalAws({ withOutpost: true });
  try {
    return await work(local);
  } finally {
    await local.stop();
  }
}

async function scheduledOf(local: LocalAws): Promise<ScheduledRun[]> {
  const recorder = startRecorder(local);
  try {
    // Credentials as Lambda gives them: in the environment.
    awsOf(local);
    return await scheduledRuns(recorder);
  } finally {
    await recorder.close();
  }
}

async function pathsOf(local: LocalAws): Promise<PathCost[]> {
  const recorder = startRecorder(local);
  const api = await startApi(recorder.aws);
  try {
    return await measurePaths(recorder, api, awsOf(local).store);
  } finally {
    await api.stop();
    await recorder.close();
  }
}

const dollars = (amount: number): string => `$${amount.toFixed(amount >= 1 ? 2 : 6)}`;
const units = (amount: number): number => Math.round(amount * 10) / 10;

const pathTable = (paths: readonly PathCost[]): Table => ({
  title: 'One request',
  columns: ['path', 'round trips', 'calls', 'read units', 'write units', '$ per million', 'which'],
  rows: paths.map(({ path, roundTrips, calls }) => {
    const bill = billOf(calls, 1);
    return [
      path,
      roundTrips,
      bill.calls,
      bill.readUnits,
      bill.writeUnits,
      dollars(bill.dollars * 1e6),
      rounds(calls),
    ];
  }),
  note: 'Calls that are joined by + are made side by side.',
});

/** `GetItem, TransactWriteItems, SendMessage` with what is made side by side joined. */
function rounds(calls: readonly Call[]): string {
  const byRound = Map.groupBy(calls, ({ round }) => round);
  return [...byRound.values()]
    .map((each) =>
      each
        .map(({ operation }) => operation)
        .toSorted()
        .join(' + '),
    )
    .join(', ');
}

const billRow = (name: string, bill: Bill): Table['rows'][number] => [
  name,
  units(bill.calls),
  units(bill.readUnits),
  units(bill.writeUnits),
  dollars(bill.dollars),
];

function shareTable(title: string, shares: readonly Share[], factor: number): Table {
  const all = shares.flatMap(({ calls }) => calls);
  return {
    title,
    columns: ['', 'calls', 'read units', 'write units', 'dollars'],
    rows: [
      ...shares.map(({ part, calls }) => billRow(part, billOf(calls, factor))),
      billRow('together', billOf(all, factor)),
    ],
    note: `With the gateway and one start of Lambda a request another ${dollars(1000 * (PRICES.gatewayRequest + PRICES.lambdaRequest))} for 1,000 requests, and Lambda's time.`,
  };
}

function operationTable(title: string, shares: readonly Share[], factor: number): Table {
  const rows = shares.flatMap(({ part, calls }) =>
    [...Map.groupBy(calls, ({ service, operation }) => `${service} ${operation}`)].map(
      ([operation, each]): [string, string, number, string] => [
        part,
        operation,
        Math.round(each.length * factor * 100) / 100,
        dollars(each.reduce((sum, call) => sum + dollarsOf(call), 0) * factor * 1e6),
      ],
    ),
  );
  return {
    title,
    columns: ['part', 'operation', 'calls', '$ per million jobs'],
    rows: rows.toSorted((a, b) => b[2] - a[2]),
  };
}

function idleTable(scheduled: readonly ScheduledRun[], real: RealRun, idleSeconds: number): Table {
  const pollers = (MONTH_SECONDS / LONG_POLL_SECONDS) * POLLERS;
  const rows = [
    ...scheduled.map(({ name, runsAMonth, calls, milliseconds, memoryMib }) => {
      const bill = billOf(calls, runsAMonth);
      const lambda =
        runsAMonth *
        (PRICES.lambdaRequest + (milliseconds / 1000) * (memoryMib / 1024) * PRICES.lambdaGibSecond);
      return { name: `function ${name}`, runs: runsAMonth, bill, lambda };
    }),
    {
      name: 'Lambda’s pollers of the audit queue',
      runs: pollers,
      bill: { calls: pollers, readUnits: 0, writeUnits: 0, dollars: pollers * PRICES.sqsRequest },
      lambda: 0,
    },
    {
      name: 'each idle worker, its calls',
      runs: 0,
      bill: billOf(real.idle, MONTH_SECONDS / idleSeconds),
      lambda: 0,
    },
  ];
  return {
    title: 'An idle month',
    columns: ['', 'runs', 'calls', 'read units', 'write units', '$ of calls', '$ of Lambda'],
    rows: rows.map(({ name, runs, bill, lambda }) => [
      name,
      runs,
      Math.round(bill.calls),
      Math.round(bill.readUnits),
      Math.round(bill.writeUnits),
      dollars(bill.dollars),
      dollars(lambda),
    ]),
    note: 'Each scheduled function was run once with nothing to do, and counted as often as its schedule says; its time is of this machine. Alarms, keys, secrets and Fargate are in `bun bench/scaling/cost.ts`.',
  };
}

function targets(paths: readonly PathCost[]): Target[] {
  const limit = (name: string, most: number, cause: string): Target => {
    const found = paths.find(({ path }) => path === name)?.roundTrips ?? Infinity;
    const met = found <= most;
    return {
      metric: `sequential AWS round trips of ${name}`,
      target: `at most ${most}`,
      measured: String(found),
      met,
      ...(met ? {} : { cause }),
    };
  };
  return [
    limit(
      'POST /jobs, new key',
      3,
      'the first request of a key in a minute leases rate-limit tokens before it may do anything, which is a round trip more',
    ),
    limit('POST /jobs', 2, 'a lease of rate-limit tokens was due'),
  ];
}
