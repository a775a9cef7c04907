import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalAws } from '../../tests/harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv } from '../../tests/harness/outpost.ts';
import { figureOf, median } from '../framework/figures.ts';
import type { Bench, BenchContext, BenchResult, Cell, Table } from '../model.ts';
import { builtApi, withArktype, withoutBytecode } from './bundles.ts';
import { coldStart, type ColdStart } from './cold-start.ts';
import { bundlePeer, peerSource, preparePeers } from './peers.ts';

const ROUNDS = 25;
const QUICK_ROUNDS = 3;
const TARGET = 0.5;

/** Something that starts, and what it is told. */
type Starter = {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly bytes: number;
  /** Whether it can submit a job. */
  readonly submits: boolean;
};

type Samples = Map<string, { health: ColdStart[]; submit: ColdStart[] }>;

export const coldStartBench: Bench = {
  name: 'cold-start',
  title: 'Cold start',
  about: `From the spawn of a function's process to its first answer, with a Lambda Runtime API on the same machine and
local AWS behind it. *First answer* is GET /health: everything is loaded and every client is made. *First job* is POST
/jobs: authentication, validation, a transaction and a message besides. The peer is what many would write: Hono with
zod and the same SDK clients on Node 20, bundled and minified by esbuild, with nothing of what the API does beyond one
read, one transaction and one message. *CPU* is what a start costs whatever else the machine does: on Lambda, where a
function has a share of a core, it sets the time. Rounds are interleaved. Not in it: Lambda's own fetching of the code
and starting of the sandbox, which no process sees.`,
  run,
};

async function run({ quick, progress }: BenchContext): Promise<BenchResult> {
  const work = mkdtempSync(join(tmpdir(), 'outpost-cold-'));
  const local = await startLocalAws({ withOutpost: true });
  try {
    const peers = await preparePeers();
    const env = outpostEnv(local);
    const built = await builtApi(work);
    const bun = (name: string, entry: string, bytes: number, submits = true): Starter => ({
      name,
      argv: [process.execPath, '--no-install', entry],
      env: { ...env, LAMBDA_TASK_ROOT: built.folder },
      bytes,
      submits,
    });
    const plain = withoutBytecode(built, work);
    const uncompiled = await withArktype(work);
    const bareBun = peerSource('bare-bun');
    const starters: Starter[] = [
      bun('Outpost', built.entry, built.bytes),
      bun('Outpost, no bytecode', plain.entry, plain.bytes),
      bun('Outpost, schemas not compiled', uncompiled.entry, uncompiled.bytes),
      bun('Bun alone', bareBun, statSync(bareBun).size, false),
    ];
    if (peers.kind === 'ready') {
      for (const [name, peer] of [
        ['Hono + SDK on Node 20', 'hono'],
        ['Node 20 alone', 'bare'],
      ] as const) {
        const file = await bundlePeer(peer, work);
        starters.push({
          name,
          argv: [peers.node, file],
          env,
          bytes: statSync(file).size,
          submits: peer === 'hono',
        });
      }
    }
    const { apiKey } = await createTestTenant(awsOf(local).store);
    const rounds = quick ? QUICK_ROUNDS : ROUNDS;
    const samples = await measure(starters, apiKey, rounds, progress);
    return {
      tables: [table(starters, samples)],
      plots: [],
      targets: peers.kind === 'ready' ? [ratioTarget(samples)] : [],
      skipped: peers.kind === 'ready' ? [] : [{ what: 'Hono + SDK on Node 20', reason: peers.reason }],
      rounds,
      ...(peers.kind === 'ready' ? { versions: peers.versions } : {}),
    };
  } finally {
    await local.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

const health = (): Request => new Request('https://api.example.com/health');

const submission = (apiKey: string): Request =>
  new Request('https://api.example.com/jobs', {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ agent: 'claude', command: 'Say hello.' }),
  });

async function measure(
  starters: readonly Starter[],
  apiKey: string,
  rounds: number,
  progress: BenchContext['progress'],
): Promise<Samples> {
  const samples: Samples = new Map(starters.map(({ name }) => [name, { health: [], submit: [] }]));
  // The first start of each is of its files into the page cache.
  for (let round = 0; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    for (const { name, argv, env, submits } of starters) {
      const [first, job] = [
        await coldStart(argv, env, health()),
        submits ? await coldStart(argv, env, submission(apiKey)) : undefined,
      ];
      if (round === 0) continue;
      samples.get(name)?.health.push(first);
      if (job !== undefined) samples.get(name)?.submit.push(job);
    }
  }
  return samples;
}

const figures = (starts: readonly ColdStart[], pick: keyof ColdStart, unit: string): Cell =>
  starts.length === 0
    ? 'does not'
    : figureOf(
        starts.map((start) => start[pick]),
        unit,
      );

const table = (starters: readonly Starter[], samples: Samples): Table => ({
  title: 'Spawn to first answer',
  columns: ['', 'first answer', 'CPU', 'memory', 'first job', 'CPU of it', 'bundle'],
  rows: starters.map(({ name, bytes }) => {
    const { health: first = [], submit = [] } = samples.get(name) ?? {};
    return [
      name,
      figures(first, 'wallMs', 'ms'),
      figures(first, 'cpuMs', 'ms'),
      figures(first, 'rssMb', 'MB'),
      figures(submit, 'wallMs', 'ms'),
      figures(submit, 'cpuMs', 'ms'),
      `${(bytes / 1024).toFixed(0)} KiB`,
    ];
  }),
  note: 'Median of the rounds, with lowest and highest. CPU is counted by the kernel in steps of 10 ms.',
});

function ratioTarget(samples: Samples): BenchResult['targets'][number] {
  const of = (name: string, pick: 'wallMs' | 'cpuMs'): number =>
    median((samples.get(name)?.health ?? []).map((start) => start[pick]));
  const ratio = of('Outpost', 'wallMs') / of('Hono + SDK on Node 20', 'wallMs');
  const cpu = of('Outpost', 'cpuMs') / of('Hono + SDK on Node 20', 'cpuMs');
  const met = ratio <= TARGET;
  return {
    metric: 'cold start of the api bundle, beside Hono + SDK on Node 20',
    target: `at most ${TARGET} of it`,
    measured: `${ratio.toFixed(2)} of its time, ${cpu.toFixed(2)} of its CPU`,
    met,
    ...(met
      ? {}
      : {
          cause:
            'the AWS SDK and the node: modules it loads are most of what is left: see `bun run profile cold-start`',
        }),
  };
}
