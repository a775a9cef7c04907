import { figureOf, percentile } from '../framework/figures.ts';
import { DATE, SH } from '../measure/agents.ts';
import { clientOf, type Client } from '../measure/client.ts';
import { cpuMs } from '../measure/proc.ts';
import type { Server } from '../measure/start-process.ts';
import { wallClock } from '../measure/wall-clock.ts';
import type { World } from '../measure/world.ts';
import type { Figure, Table } from '../model.ts';
import { runLogged, untilLogged } from './attempts.ts';

/** Spinning agents beside the worker under test: as many as a machine has cores. */
const SPINNERS = navigator.hardwareConcurrency;

const JOBS_MS = 600_000;

/** What a job costs one worker besides its agent, and how long a worker takes from its start to its first claim. */
export async function measureOverhead(
  world: World,
  api: Server,
  size: { jobs: number; rounds: number },
  progress: (line: string) => void,
): Promise<{ tables: Table[] }> {
  const [tenant] = await world.tenants(1);
  if (tenant === undefined) throw new Error('no tenant');
  const client = clientOf(api.endpoint, tenant);
  const jobs = await measureJobs(world, client, size);
  progress(`${size.jobs * size.rounds} jobs that do nothing`);
  const idle = await measureFirstClaims(world, client, size.rounds);
  const stopSpinning = spin();
  const loaded = await measureFirstClaims(world, client, size.rounds).finally(stopSpinning);
  progress('first claims, idle and loaded');
  return {
    tables: [
      {
        title: 'Jobs that do nothing, one worker, one after the other',
        columns: [
          'jobs a worker-hour',
          'wall time a job',
          'CPU of the worker a job',
          'message to claim p50',
          'p99',
        ],
        rows: [[jobs.perHour, jobs.wall, jobs.cpu, jobs.claimP50, jobs.claimP99]],
        note: 'Jobs are submitted while the worker works: a message’s age at its claim is mostly the wait for the jobs before it. Message to claim with a free worker is in the dispatch benchmark.',
      },
      {
        title: 'A fresh worker’s process to its first claim of a waiting job',
        columns: ['', 'start to ready', 'start to claim'],
        rows: [
          ['idle machine', idle.ready, idle.claim],
          [`${SPINNERS} cores spinning`, loaded.ready, loaded.claim],
        ],
      },
    ],
  };
}

type JobFigures = { perHour: Figure; wall: Figure; cpu: Figure; claimP50: Figure; claimP99: Figure };

async function measureJobs(
  world: World,
  client: Client,
  { jobs, rounds }: { jobs: number; rounds: number },
): Promise<JobFigures> {
  const [worker] = await world.startWorkers(1);
  if (worker === undefined) throw new Error('no worker');
  await runLogged(worker, client, { agent: DATE.id, command: 'warm' });
  const samples: { wall: number; cpu: number; ages: number[] }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const cpuBefore = cpuMs(worker.pid);
    const started = performance.now();
    const jobIds: string[] = [];
    for (let n = 0; n < jobs; n += 1) {
      jobIds.push(await client.submit({ agent: DATE.id, command: 'now', workspace: `w${n}` }));
    }
    const attempts = await untilLogged([worker], jobIds, JOBS_MS);
    samples.push({
      wall: (performance.now() - started) / jobs,
      cpu: (cpuMs(worker.pid) - cpuBefore) / jobs,
      ages: attempts.map(({ queueAgeMs }) => queueAgeMs),
    });
  }
  await worker.stop();
  return {
    perHour: figureOf(
      samples.map(({ wall }) => Math.round(3_600_000 / wall)),
      '',
    ),
    wall: figureOf(
      samples.map(({ wall }) => wall),
      'ms',
    ),
    cpu: figureOf(
      samples.map(({ cpu }) => cpu),
      'ms',
    ),
    claimP50: figureOf(
      samples.map(({ ages }) => percentile(ages, 0.5)),
      'ms',
    ),
    claimP99: figureOf(
      samples.map(({ ages }) => percentile(ages, 0.99)),
      'ms',
    ),
  };
}

async function measureFirstClaims(
  world: World,
  client: Client,
  rounds: number,
): Promise<{ ready: Figure; claim: Figure }> {
  const ready: number[] = [];
  const claims: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const jobId = await client.submit({ agent: SH.id, command: ':' });
    const started = wallClock();
    const [worker] = await world.startWorkers(1);
    if (worker === undefined) throw new Error('no worker');
    ready.push(wallClock() - started);
    const job = await client.until(jobId, ({ started_at: at }) => at !== null, 60_000);
    claims.push(Date.parse(job.started_at ?? '') - started);
    await untilLogged([worker], [jobId]);
    await worker.stop();
  }
  return { ready: figureOf(ready, 'ms'), claim: figureOf(claims, 'ms') };
}

/** Keeps every core busy until the returned function is called. */
function spin(): () => void {
  const spinners = Array.from({ length: SPINNERS }, () =>
    // A time limit of its own: it must not outlive a benchmark that was killed.
    Bun.spawn(['timeout', '300', 'sh', '-c', 'while :; do :; done'], { stdin: 'ignore' }),
  );
  return () => spinners.forEach((spinner) => spinner.kill());
}
