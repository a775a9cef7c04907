import { EventSourceParserStream } from 'eventsource-parser/stream';
import { percentile } from '../framework/figures.ts';
import { SH } from '../measure/agents.ts';
import { clientOf } from '../measure/client.ts';
import { cpuMs, peakRssMib } from '../measure/proc.ts';
import type { Server } from '../measure/start-process.ts';
import { until } from '../measure/until.ts';
import { wallClock } from '../measure/wall-clock.ts';
import type { World } from '../measure/world.ts';
import type { Plot, Table } from '../model.ts';

const TICK_SECONDS = 0.5;

type Level = {
  readonly followers: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuShare: number;
  readonly rss: number;
  readonly events: number;
};

/** How late so many followers of one job see its lines, and what they cost the API's process. */
export async function measureFollowers(
  world: World,
  api: Server,
  size: { levels: readonly number[]; seconds: number },
  progress: (line: string) => void,
): Promise<{ table: Table; plot: Plot }> {
  await world.startWorkers(1);
  const levels: Level[] = [];
  for (const followers of size.levels) {
    levels.push(await measureLevel(world, api, followers, size.seconds));
    progress(`${followers} followers`);
  }
  return {
    table: {
      title: 'Followers of one running job, one API process',
      columns: ['followers', 'lateness p50', 'lateness p99', 'CPU', 'RSS, the most', 'events seen'],
      rows: levels.map(({ followers, p50, p99, cpuShare, rss, events }) => [
        followers,
        { median: p50, low: p50, high: p50, unit: 'ms' },
        { median: p99, low: p99, high: p99, unit: 'ms' },
        { median: cpuShare, low: cpuShare, high: cpuShare, unit: '% of a core' },
        { median: rss, low: rss, high: rss, unit: 'MiB' },
        events,
      ]),
      note: 'Lateness: from the agent’s write to the follower. A chunk closes a second after its first event and followers look every 250 to 1,000 ms, so up to 2 s are by design.',
    },
    plot: {
      id: 'worker-followers',
      title: 'How late followers see an event, one API process',
      kind: 'line',
      x: { label: 'followers of one job', log: true },
      y: { label: 'ms', log: true },
      series: (['p50', 'p99'] as const).map((name) => ({
        name,
        points: levels.map((level) => ({ x: level.followers, y: level[name] })),
      })),
    },
  };
}

/** The agent writes the time twice a second, so that every follower can tell how late it is. */
async function measureLevel(world: World, api: Server, followers: number, seconds: number): Promise<Level> {
  const [tenant] = await world.tenants(1);
  if (tenant === undefined) throw new Error('no tenant');
  const client = clientOf(api.endpoint, tenant);
  const ticks = Math.round(seconds / TICK_SECONDS);
  const go = `${world.folder}/go-${followers}`;
  // The file says that all followers are there; the agent may see it, for the folder is open to all.
  const command = `until [ -e ${go} ]; do sleep 0.1; done; for i in $(seq ${ticks}); do date +%s%N; sleep ${TICK_SECONDS}; done`;
  const jobId = await client.submit({ agent: SH.id, command });
  await client.until(jobId, (job) => job.status === 'running', 60_000);
  const lateness: number[] = [];
  let connected = 0;
  const following = Array.from({ length: followers }, () =>
    follow(api.endpoint, tenant.apiKey, jobId, {
      connected: () => (connected += 1),
      line: (written) => lateness.push(wallClock() - written),
    }),
  );
  await until(`${followers} followers`, () => connected === followers);
  const cpuBefore = cpuMs(api.pid);
  const started = performance.now();
  await Bun.write(go, '');
  await Promise.all(following);
  const elapsed = performance.now() - started;
  if (lateness.length !== followers * ticks) {
    throw new Error(`${followers} followers saw ${lateness.length} lines instead of ${followers * ticks}`);
  }
  return {
    followers,
    p50: percentile(lateness, 0.5),
    p99: percentile(lateness, 0.99),
    cpuShare: ((cpuMs(api.pid) - cpuBefore) / elapsed) * 100,
    rss: peakRssMib(api.pid),
    events: lateness.length,
  };
}

type Handlers = { connected: () => void; line: (writtenAt: number) => void };

async function follow(endpoint: string, apiKey: string, jobId: string, handlers: Handlers): Promise<void> {
  const answer = await fetch(`${endpoint}/jobs/${jobId}/events`, {
    headers: { authorization: `Bearer ${apiKey}`, 'last-event-id': '0' },
  });
  if (!answer.ok || answer.body === null) throw new Error(`GET events: ${answer.status}`);
  const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  let first = true;
  let text = '';
  for await (const { event, data } of events) {
    if (first) handlers.connected();
    first = false;
    if (event === 'end') return;
    if (event !== 'stdout') continue;
    const { data: written }: { data: string } = JSON.parse(data);
    const lines = (text + written).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) handlers.line(Number(line) / 1e6);
  }
}
