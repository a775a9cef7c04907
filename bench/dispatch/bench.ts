import type { TestTenant } from '../../tests/harness/outpost.ts';
import { figureOf, percentile } from '../framework/figures.ts';
import { DATE } from '../measure/agents.ts';
import { type Cleanup, withCleanup } from '../measure/cleanup.ts';
import type { Server } from '../measure/start-process.ts';
import { startWorld } from '../measure/world.ts';
import type { Bench, BenchContext, BenchResult, Cell, Table, Target } from '../model.ts';
import { attemptsOf } from '../worker/attempts.ts';
import { type Fleet, keepInFlight } from './in-flight.ts';
import { dispatch, type Dispatched, type Subject } from './subject.ts';
import { startSubjects } from './subjects.ts';

export const dispatchBench: Bench = {
  name: 'dispatch',
  title: 'Dispatch: from POST to the running agent',
  about: `How long after POST /jobs was answered the agent's process runs (it writes the clock as its first act), and how
long until a follower who opens the event stream right then has the first event. Idle: one job at a time, two workers.
In flight: 160 tenants, each with one job from its submission to its end and then the next, on 20 workers, so that
100 have one at any moment; the first 30 s, in which processes compile what they run, are not counted. Each
Outpost worker is a process that gives every job its tenant's uid, a workspace and folders of its own, a watchdog, a
lease, redacted output and a wipe afterwards; the peers (BullMQ and graphile-worker, durable, one worker process with
20 slots) spawn the same \`date\` as themselves and keep its output, which is the least one would do. A negative
time means that the agent ran before the answer had arrived.`,
  run: (context) => withCleanup((cleanup) => measure(context, cleanup)),
};

type Size = {
  idleRounds: number;
  idleJobs: number;
  tenants: number;
  warmSeconds: number;
  seconds: number;
  workers: number;
};
const FULL: Size = { idleRounds: 5, idleJobs: 20, tenants: 160, warmSeconds: 30, seconds: 30, workers: 20 };
const QUICK: Size = { idleRounds: 1, idleJobs: 5, tenants: 10, warmSeconds: 1, seconds: 3, workers: 4 };
const IDLE_WORKERS = 2;

type Samples = ReadonlyMap<string, readonly (readonly Dispatched[])[]>;

async function measure({ quick, progress }: BenchContext, cleanup: Cleanup): Promise<BenchResult> {
  const size = quick ? QUICK : FULL;
  const world = await startWorld(cleanup, [DATE]);
  const tenants = await world.tenants(size.tenants);
  const { subjects, skipped, versions } = await startSubjects(cleanup, world, tenants, size.workers);
  const workers = await world.startWorkers(IDLE_WORKERS);
  progress(`${subjects.length} systems are ready`);

  const idle = await measureIdle(subjects, tenants, size, progress);
  const warm = size.idleJobs;
  const ages = agesOf(workers, warm);
  workers.push(...(await world.startWorkers(size.workers - IDLE_WORKERS)));
  progress(`${workers.length} workers`);
  const fleets = new Map<string, Fleet>();
  for (const subject of subjects) {
    await keepInFlight(subject, tenants, size.warmSeconds);
    fleets.set(subject.name, await keepInFlight(subject, tenants, size.seconds));
    progress(`${subject.name}: ${tenants.length} tenants in flight`);
  }
  const loaded: Samples = new Map([...fleets].map(([name, fleet]) => [name, [fleet.jobs]]));
  const own = fleets.get('Outpost');
  const ownIdle = idle.get('Outpost');
  if (own === undefined || ownIdle === undefined) throw new Error('Outpost was not measured');
  return {
    tables: [
      latencyTable('Idle: one job at a time', idle),
      latencyTable(`${tenants.length} tenants in flight`, loaded),
      fleetTable(fleets),
      ageTable(ages, agesOf(workers, warm + ages.length)),
    ],
    plots: [
      ...plots('idle', 'idle', idle),
      ...plots('in-flight', `${tenants.length} tenants in flight`, loaded),
    ],
    targets: [...ageTargets(ages, ownIdle.flat()), flightTarget(own, tenants.length, workers)],
    skipped,
    rounds: size.idleRounds,
    versions,
  };
}

/** Milliseconds from the message's sending to the claim of its job, for all jobs but the first so many. */
const agesOf = (workers: readonly Server[], first: number): number[] =>
  attemptsOf(workers)
    .toSorted((a, b) => (a.jobId < b.jobId ? -1 : 1))
    .slice(first)
    .map((attempt) => attempt.queueAgeMs);

/** One job after the other; the systems take turns, and the first round is dropped. */
async function measureIdle(
  subjects: readonly Subject[],
  tenants: readonly TestTenant[],
  size: Size,
  progress: (line: string) => void,
): Promise<Samples> {
  const samples = new Map(subjects.map(({ name }): [string, Dispatched[][]] => [name, []]));
  for (let round = 0; round <= size.idleRounds; round += 1) {
    for (const subject of subjects) {
      const jobs: Dispatched[] = [];
      for (let n = 0; n < size.idleJobs; n += 1) {
        const tenant = tenants[n % tenants.length];
        if (tenant !== undefined) jobs.push(await dispatch(subject, tenant.apiKey, 'default'));
      }
      if (round > 0) samples.get(subject.name)?.push(jobs);
    }
    progress(round === 0 ? 'warm' : `idle round ${round} of ${size.idleRounds}`);
  }
  return samples;
}

const toSpawn = (job: Dispatched): number => job.spawned - job.accepted;
const toEvent = (job: Dispatched): number => job.seen - job.accepted;

function latencyTable(title: string, samples: Samples): Table {
  const rows = [...samples].flatMap(([name, rounds]): Cell[][] =>
    [
      { what: 'agent runs', of: toSpawn },
      { what: 'first event seen', of: toEvent },
    ].map(({ what, of }) => [
      name,
      what,
      ...[0.5, 0.95, 0.99].map((share) =>
        figureOf(
          rounds.map((jobs) => percentile(jobs.map(of), share)),
          'ms',
        ),
      ),
      rounds.reduce((sum, jobs) => sum + jobs.length, 0),
    ]),
  );
  return { title, columns: ['', 'from the answer until', 'p50', 'p95', 'p99', 'jobs'], rows };
}

function plots(id: string, when: string, samples: Samples): BenchResult['plots'] {
  return [
    { id: `dispatch-${id}-spawn`, title: `Answer to running agent, p50, ${when}`, of: toSpawn },
    { id: `dispatch-${id}-event`, title: `Answer to first event seen, p50, ${when}`, of: toEvent },
  ].map((plot) => ({
    id: plot.id,
    title: plot.title,
    kind: 'bar',
    x: { label: '', log: false },
    y: { label: 'ms', log: false },
    series: [...samples].map(([name, rounds]) => ({
      name,
      points: [{ x: 0, y: Math.max(0, percentile(rounds.flat().map(plot.of), 0.5)) }],
    })),
  }));
}

function fleetTable(fleets: ReadonlyMap<string, Fleet>): Table {
  return {
    title: 'Throughput and fairness with all tenants in flight',
    columns: ['', 'jobs/s', 'tenants in flight, least', 'jobs of a tenant, least', 'median', 'most'],
    rows: [...fleets].map(([name, fleet]) => {
      const counts = fleet.jobsOfTenants;
      const least = Math.min(...counts);
      return [
        name,
        fleet.perSecond,
        fleet.leastInFlight,
        least,
        percentile(counts, 0.5),
        Math.max(...counts),
      ];
    }),
    note: 'In flight: accepted and not ended, sampled ten times a second after all had submitted.',
  };
}

function ageTable(idle: readonly number[], loaded: readonly number[]): Table {
  const row = (when: string, ages: readonly number[]): Cell[] => [
    when,
    ...[0.5, 0.95, 0.99].map((share) => figureOf([percentile(ages, share)], 'ms')),
    ages.length,
  ];
  return {
    title: 'Message sent to claim, as the workers log it',
    columns: ['', 'p50', 'p95', 'p99', 'jobs'],
    rows: [row('a worker is free', idle), row('all workers are busy', loaded)],
    note: 'In whole milliseconds: the time of SQS. With all workers busy it is the wait for one of them.',
  };
}

function ageTargets(ages: readonly number[], jobs: readonly Dispatched[]): Target[] {
  const posts = jobs.map((job) => job.accepted - job.sent);
  const target = (name: string, share: number, limit: number, sign: string): Target => {
    const measured = percentile(ages, share);
    const met = sign === '<' ? measured < limit : measured <= limit;
    return {
      metric: `message sent to claim ${name}, a worker is free`,
      target: `${sign} ${limit} ms`,
      measured: `${measured} ms`,
      met,
      ...(met
        ? {}
        : {
            cause: `Half of the claims took ${percentile(ages, 0.5)} ms. A claim is three round trips to local AWS (receive, two reads at once, transaction); POST /jobs, with two, took ${percentile(posts, share).toFixed(0)} ms at ${name} for the same jobs.`,
          }),
    };
  };
  return [target('p95', 0.95, 25, '<='), target('p99', 0.99, 200, '<')];
}

function flightTarget(fleet: Fleet, tenants: number, workers: readonly Server[]): Target {
  const starved = fleet.jobsOfTenants.filter((count) => count === 0).length;
  const met = fleet.leastInFlight >= Math.min(100, tenants) && starved === 0 && tenants >= 100;
  return {
    metric: `concurrent tenants with jobs in flight, ${workers.length} workers, a trivial agent`,
    target: '>= 100, none starved',
    measured: `${fleet.leastInFlight}, ${starved} starved`,
    met,
    ...(met
      ? {}
      : {
          cause:
            tenants < 100
              ? 'A quick run has fewer tenants.'
              : `At the worst look ${tenants - fleet.leastInFlight} of ${tenants} tenants waited for the answer to their POST: ${workers.length} workers, their agents, the API and local AWS share the cores.`,
        }),
  };
}
