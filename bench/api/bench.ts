import { availableParallelism } from 'node:os';
import { ECHO_AGENT } from '../../tests/e2e/trivial-agents.ts';
import { figureOf, percentile } from '../framework/figures.ts';
import { type Cleanup, withCleanup } from '../measure/cleanup.ts';
import { closedLoop } from '../measure/closed-loop.ts';
import { startWorld, type World } from '../measure/world.ts';
import type { Bench, BenchContext, BenchResult, Cell, Plot, Table, Target } from '../model.ts';
import { measureAuthentication } from './authentication.ts';
import { freshKeys } from './fresh-keys.ts';
import { startSubjects, type Subject } from './subjects.ts';

export const api: Bench = {
  name: 'api',
  title: 'API: accepting and reading jobs',
  about: `POST /jobs and GET /jobs/{id} over HTTP on loopback, the whole path: authentication, rate limit, validation,
the transaction (job and audit entry) and the queue message; a read is one strongly consistent read beside one audit
message. Closed loop: each tenant sends its next request when the last was answered. Beside it, on the same machine in
the same rounds: \`raw\`, Bun.serve making the same AWS calls with the same SDK and nothing else (the limit), and what
one might use instead, each behind the least HTTP route that authenticates with the same keys and validates with the
same schema: BullMQ on Redis (append-only file, fsync at every write and, as most run it, once a second) and
graphile-worker on PostgreSQL (defaults: fsync on, synchronous commit). Local AWS commits with fsync
(\`synchronous = FULL\`). The peers keep no audit trail, no quota, no rate limit and no idempotency record, so they do
less for each request. CPU is that of the serving process, and of its store beside it: local AWS stands in for
DynamoDB and SQS, whose processor time nobody pays for on AWS.`,
  run: (context) => withCleanup((cleanup) => measure(context, cleanup)),
};

type Size = { rounds: number; seconds: number; tenants: readonly number[]; perCell: number; auth: number };
const FULL: Size = { rounds: 3, seconds: 1.5, tenants: [1, 10, 100], perCell: 400, auth: 500 };
const QUICK: Size = { rounds: 1, seconds: 0.3, tenants: [1, 10], perCell: 30, auth: 30 };

const OPERATIONS = ['POST /jobs', 'GET /jobs/{id}'] as const;
type Operation = (typeof OPERATIONS)[number];

const BODY = JSON.stringify({ agent: ECHO_AGENT.id, command: 'x'.repeat(400) });

/** One round of one subject, operation and number of tenants. */
type Sample = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly serverCpu: number;
  readonly storeCpu: number;
};

async function measure({ quick, progress }: BenchContext, cleanup: Cleanup): Promise<BenchResult> {
  const size = quick ? QUICK : FULL;
  const world = await startWorld(cleanup, [ECHO_AGENT]);
  const tenants = await world.tenants(Math.max(...size.tenants));
  const cells = OPERATIONS.length * size.tenants.length * size.rounds + 2;
  // Two subjects use them: Outpost and the raw limit.
  const keys = await freshKeys(
    world.aws.store,
    tenants,
    2 * cells * (size.perCell + Math.max(...size.tenants)),
  );
  const started = await startSubjects(cleanup, world, tenants, { keys, perCell: size.perCell });
  const { subjects } = started;
  progress(`${subjects.length} subjects and ${tenants.length} tenants are ready`);
  for (const subject of subjects) {
    for (let client = 0; client < tenants.length; client += 1) {
      // In order, also where a fresh key is whose turn it is.
      subject.jobIds.push(await submit(subject, client));
    }
  }
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round <= size.rounds; round += 1) {
    for (const operation of OPERATIONS) {
      for (const count of size.tenants) {
        for (const subject of subjects) {
          // The first round, short and at one load, warms everything up and is dropped.
          if (round === 0 && count !== size.tenants.at(-1)) continue;
          const sample = await sampleOf(subject, operation, count, size.seconds);
          if (round > 0) push(samples, cellKey(subject.name, operation, count), sample);
        }
      }
    }
    progress(round === 0 ? 'warm' : `round ${round} of ${size.rounds}`);
  }
  const authentication = await measureAuthentication(world, tenants, {
    uncached: size.auth,
    cached: size.auth * 10,
  });
  const calls = await callsTable(world, subjects, tenants.length);
  const names = subjects.map((subject) => subject.name);
  const cellOf = (name: string, operation: Operation, count: number): Sample[] =>
    samples.get(cellKey(name, operation, count)) ?? [];
  return {
    tables: [
      ...OPERATIONS.map((operation) => operationTable(operation, names, size.tenants, cellOf)),
      authentication.table,
      calls,
    ],
    plots: OPERATIONS.flatMap((operation) => plotsOf(operation, names, size.tenants, cellOf)),
    targets: [
      acceptTarget(cellOf('Outpost', 'POST /jobs', size.tenants.at(-1) ?? 0), size),
      ...authentication.targets,
    ],
    skipped: started.skipped,
    rounds: size.rounds,
    versions: started.versions,
  };
}

const cellKey = (name: string, operation: Operation, tenants: number): string =>
  `${name} ${operation} ${tenants}`;

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

async function submit(subject: Subject, client: number): Promise<string> {
  const answer = await fetch(`${subject.endpoint}/jobs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${subject.turn(client).apiKey}`,
      'content-type': 'application/json',
    },
    body: BODY,
  });
  const text = await answer.text();
  if (answer.status !== 202) throw new Error(`${subject.name}: POST /jobs: ${answer.status} ${text}`);
  const { job_id: jobId }: { job_id: string } = JSON.parse(text);
  return jobId;
}

async function read(subject: Subject, client: number): Promise<void> {
  const { apiKey, tenant } = subject.turn(client);
  const answer = await fetch(`${subject.endpoint}/jobs/${subject.jobIds[tenant] ?? ''}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  await answer.text();
  if (answer.status !== 200) throw new Error(`${subject.name}: GET /jobs: ${answer.status}`);
}

async function sampleOf(
  subject: Subject,
  operation: Operation,
  clients: number,
  seconds: number,
): Promise<Sample> {
  const server = subject.serverCpuMs();
  const store = subject.storeCpuMs();
  const load = await closedLoop({
    clients,
    seconds,
    requests: subject.requests,
    request: async (client) => {
      if (operation === 'POST /jobs') await submit(subject, client);
      else await read(subject, client);
    },
  });
  const requests = load.latencies.length;
  return {
    perSecond: requests / load.seconds,
    p50: percentile(load.latencies, 0.5),
    p99: percentile(load.latencies, 0.99),
    serverCpu: ((subject.serverCpuMs() - server) / requests) * 1000,
    storeCpu: ((subject.storeCpuMs() - store) / requests) * 1000,
  };
}

type CellOf = (name: string, operation: Operation, tenants: number) => readonly Sample[];

const RAW = 'raw Bun.serve, same AWS calls';

function operationTable(
  operation: Operation,
  names: readonly string[],
  levels: readonly number[],
  cellOf: CellOf,
): Table {
  const rows = names.flatMap((name) =>
    levels.map((tenants): Cell[] => {
      const samples = cellOf(name, operation, tenants);
      const raw = cellOf(RAW, operation, tenants);
      const of = (field: keyof Sample, unit: string) =>
        figureOf(
          samples.map((sample) => sample[field]),
          unit,
        );
      const ratios = samples.map((sample, round) => sample.perSecond / (raw[round]?.perSecond ?? Number.NaN));
      return [
        name,
        tenants,
        of('perSecond', ''),
        figureOf(ratios, ''),
        of('p50', 'ms'),
        of('p99', 'ms'),
        of('serverCpu', 'µs'),
        of('storeCpu', 'µs'),
      ];
    }),
  );
  return {
    title: operation,
    columns: ['', 'tenants', 'requests/s', 'of raw', 'p50', 'p99', 'CPU a request', 'CPU of the store'],
    rows,
  };
}

function plotsOf(
  operation: Operation,
  names: readonly string[],
  levels: readonly number[],
  cellOf: CellOf,
): Plot[] {
  const id = operation === 'POST /jobs' ? 'post-jobs' : 'get-job';
  const middle = (name: string, tenants: number, field: keyof Sample): number =>
    figureOf(
      cellOf(name, operation, tenants).map((sample) => sample[field]),
      '',
    ).median;
  const most = levels.at(-1) ?? 0;
  return [
    {
      id: `api-${id}-p99`,
      title: `${operation}: p99`,
      kind: 'line',
      x: { label: 'tenants at once', log: true },
      y: { label: 'ms', log: true },
      series: names.map((name) => ({
        name,
        points: levels.map((tenants) => ({ x: tenants, y: middle(name, tenants, 'p99') })),
      })),
    },
    {
      id: `api-${id}-rate`,
      title: `${operation}: requests a second, ${most} tenants at once`,
      kind: 'bar',
      x: { label: '', log: false },
      y: { label: 'requests/s', log: false },
      series: names.map((name) => ({ name, points: [{ x: most, y: middle(name, most, 'perSecond') }] })),
    },
  ];
}

/** Shows that the raw limit does what Outpost does. */
async function callsTable(world: World, subjects: readonly Subject[], tenants: number): Promise<Table> {
  const onAws = subjects.filter(({ name }) => name.startsWith('Outpost') || name.startsWith('raw'));
  const rows: Cell[][] = [];
  for (const subject of onAws) {
    const row: Cell[] = [subject.name];
    for (const operation of OPERATIONS) {
      await world.local.calls.start();
      for (let client = 0; client < tenants; client += 1) {
        if (operation === 'POST /jobs') await submit(subject, client);
        else await read(subject, client);
      }
      row.push((await world.local.calls.stop()).length / tenants);
    }
    rows.push(row);
  }
  return {
    title: 'AWS calls a request, counted',
    columns: ['', ...OPERATIONS],
    rows,
    note: 'Outpost’s fractions are leases of rate tokens, the last use of a key and samples of the queues’ depth, shared by many requests.',
  };
}

function acceptTarget(samples: readonly Sample[], size: Size): Target {
  const middle = (of: (sample: Sample) => number): number => figureOf(samples.map(of), '').median;
  const p99 = middle((sample) => sample.p99);
  const tenants = size.tenants.at(-1) ?? 0;
  const met = p99 < 200;
  return {
    metric: `POST /jobs p99 at ${tenants} concurrent tenants`,
    target: '< 200 ms',
    measured: `${p99.toFixed(0)} ms`,
    met,
    ...(met ? {} : { cause: saturation(tenants, middle) }),
  };
}

/** In a closed loop the wait is the number of clients over the rate, and the rate is what the cores allow. */
function saturation(clients: number, middle: (of: (sample: Sample) => number) => number): string {
  const rate = middle(({ perSecond }) => perSecond);
  const cores = (middle(({ serverCpu }) => serverCpu) + middle(({ storeCpu }) => storeCpu)) * rate * 1e-6;
  return `API and local AWS took ${cores.toFixed(2)} of the ${availableParallelism()} cores, which the load generator shares; at ${rate.toFixed(0)} requests/s each of ${clients} clients waits ${((clients / rate) * 1000).toFixed(0)} ms for its turn.`;
}
