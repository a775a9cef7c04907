import { figureOf } from '../framework/figures.ts';
import { SH } from '../measure/agents.ts';
import { clientOf } from '../measure/client.ts';
import { cpuMs, peakRssMib, rssMib } from '../measure/proc.ts';
import type { Server } from '../measure/start-process.ts';
import type { World } from '../measure/world.ts';
import type { Table, Target } from '../model.ts';
import { runLogged } from './attempts.ts';

const MIB = 1024 ** 2;
/** 150 MB. */
const RSS_LIMIT_MIB = 150e6 / MIB;
const LINE = `say ${'flood of text, '.repeat(6)}`;

/** Writes half to each pipe, both at once. */
const script = (bytes: number): string =>
  `yes '${LINE}' | head -c ${bytes / 2} & yes '${LINE}' | head -c ${bytes / 2} >&2; wait`;

/** How fast one worker takes an agent's output and what memory it takes, below the cap and beyond it. */
export async function measureFlood(
  world: World,
  api: Server,
  size: { mebibytes: number; rounds: number },
  progress: (line: string) => void,
): Promise<{ table: Table; target: Target }> {
  const [tenant] = await world.tenants(1);
  if (tenant === undefined) throw new Error('no tenant');
  const client = clientOf(api.endpoint, tenant);
  const bytes = size.mebibytes * MIB;
  const cases = [
    { name: `${size.mebibytes} MiB, all kept`, cap: 2 * bytes },
    { name: `${size.mebibytes} MiB, a quarter kept`, cap: bytes / 4 },
  ];
  const rows: Table['rows'][number][] = [];
  const peaks: number[] = [];
  for (const { name, cap } of cases) {
    const rates: number[] = [];
    const memory: number[] = [];
    const idle: number[] = [];
    const cpu: number[] = [];
    for (let round = 0; round < size.rounds; round += 1) {
      // A worker of its own each time: the most it ever had is then of this flood.
      const [worker] = await world.startWorkers(1, { OUTPOST_OUTPUT_CAP_BYTES: String(cap) });
      if (worker === undefined) throw new Error('no worker');
      idle.push(rssMib(worker.pid));
      const cpuBefore = cpuMs(worker.pid);
      const attempt = await runLogged(worker, client, { agent: SH.id, command: script(bytes) });
      rates.push(bytes / MIB / (attempt.runMs / 1000));
      memory.push(peakRssMib(worker.pid));
      cpu.push((cpuMs(worker.pid) - cpuBefore) / size.mebibytes);
      await worker.stop();
      progress(`flood, ${name}: round ${round + 1}`);
    }
    peaks.push(...memory);
    rows.push([
      name,
      figureOf(rates, 'MiB/s'),
      figureOf(cpu, 'ms'),
      figureOf(idle, 'MiB'),
      figureOf(memory, 'MiB'),
    ]);
  }
  const most = Math.max(...peaks);
  const met = most < RSS_LIMIT_MIB;
  return {
    table: {
      title: 'One agent that floods both pipes',
      columns: ['', 'until the job is settled', 'CPU a MiB', 'RSS before', 'RSS, the most'],
      rows,
      note: 'Throughput is over the whole attempt: from the start of the agent to the raw object in S3. Beyond the cap output is read, counted and marked as truncated.',
    },
    target: {
      metric: 'worker RSS under an output flood',
      target: '< 150 MB',
      measured: `${most.toFixed(0)} MiB at most`,
      met,
      ...(met ? {} : { cause: 'Garbage of the flood that the runtime had not yet collected.' }),
    },
  };
}
