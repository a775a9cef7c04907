import { encodeCursor } from '../../api/operations/page.ts';
import { sweep } from '../../api/operations/sweep.ts';
import { createApiDeps, readApiEnv } from '../../api/deps.ts';
import { listJobs } from '../../shared/store/jobs/list-jobs.ts';
import type { TestTenant } from '../../tests/harness/outpost.ts';
import { ECHO_AGENT } from '../../tests/e2e/trivial-agents.ts';
import { batchPut } from '../measure/batch-put.ts';
import type { Cleanup } from '../measure/cleanup.ts';
import { loadItems } from '../measure/load-items.ts';
import { rssMib } from '../measure/proc.ts';
import { startWorld, type World } from '../measure/world.ts';
import { countUnits } from './count-units.ts';
import { type Level, type Measured, record } from './level.ts';
import { type Probe, send } from './probe.ts';
import { dueJobs, storedJobs } from './stored-jobs.ts';

const DUE = 100;
/** Submitted jobs must not become due, or the sweeper would find more than it is given. */
const NEVER_RESENT = { OUTPOST_RESEND_SECONDS: '3600' };
/** Ids to ask for: enough that no read is of a warm page only. */
const SAMPLED_IDS = 10_000;

/** How requests, the sweeper and memory do as one tenant's stored jobs grow. */
export async function measureJobsAxis(
  cleanup: Cleanup,
  size: { levels: readonly number[]; rounds: number; requests: number },
  progress: (line: string) => void,
): Promise<Level[]> {
  const world = await startWorld(cleanup, [ECHO_AGENT]);
  const api = await world.startApi(NEVER_RESENT);
  const [tenant] = await world.tenants(1);
  if (tenant === undefined) throw new Error('no tenant');
  const start = Date.now() - (size.levels.at(-1) ?? 0) * 10;
  const ids: string[] = [];
  let stored = 0;
  const levels: Level[] = [];
  for (const level of size.levels) {
    const begun = performance.now();
    const keepEvery = Math.ceil(level / SAMPLED_IDS);
    let seen = 0;
    const keep = (jobId: string): void => {
      seen += 1;
      if (seen % keepEvery === 0) ids.push(jobId);
    };
    const jobs = storedJobs(tenant, start, stored, level - stored, keep);
    await loadItems(world.local.dataDir, world.aws.store.tables.jobs, jobs);
    const loadSeconds = (performance.now() - begun) / 1000;
    stored = level;
    const measured: Measured = new Map();
    for (let round = 0; round <= size.rounds; round += 1) {
      await measureRound(world, api.endpoint, tenant, ids, size.requests, round === 0 ? new Map() : measured);
    }
    const listing = await countUnits(world.aws.store, () =>
      listJobs(world.aws.store, tenant.tenantId, { limit: 20 }),
    );
    const byStatus = await countUnits(world.aws.store, () =>
      listJobs(world.aws.store, tenant.tenantId, { limit: 20, status: 'succeeded' }),
    );
    await batchPut(world.aws.store, 'jobs', dueJobs(tenant, DUE));
    const sweeping = await countUnits(world.aws.store, () => sweepDue(world));
    levels.push({
      size: level,
      measured,
      facts: {
        'API RSS (MiB)': rssMib(api.pid),
        'local AWS RSS (MiB)': rssMib(world.local.pid),
        'list, read units': listing.read,
        'list by status, read units': byStatus.read,
        'sweep, read units': sweeping.read,
        'sweep, write units': sweeping.write,
      },
    });
    progress(`${level} jobs: stored in ${loadSeconds.toFixed(0)} s, measured`);
  }
  return levels;
}

async function measureRound(
  world: World,
  endpoint: string,
  tenant: TestTenant,
  ids: readonly string[],
  requests: number,
  measured: Measured,
): Promise<void> {
  for (const probe of probesOf(tenant, ids)) {
    record(measured, probe.name, await send(endpoint, probe, { clients: 1, requests }));
  }
  await batchPut(world.aws.store, 'jobs', dueJobs(tenant, DUE));
  const begun = performance.now();
  await sweepDue(world);
  const elapsed = performance.now() - begun;
  record(measured, `sweep of ${DUE} due jobs`, { p50: elapsed, p99: elapsed });
}

function probesOf(tenant: TestTenant, ids: readonly string[]): Probe[] {
  const apiKey = (): string => tenant.apiKey;
  const get = (name: string, path: (n: number) => string): Probe => ({
    name,
    method: 'GET',
    status: 200,
    path,
    apiKey,
  });
  const middle = ids[Math.floor(ids.length / 2)] ?? '';
  return [
    // A stride that is coprime to the count visits ids all over the table.
    get('GET /jobs/{id}', (n) => `/jobs/${ids[(n * 7919) % ids.length] ?? ''}`),
    get('GET /jobs, newest 20', () => '/jobs?limit=20'),
    get('GET /jobs, 20 from the middle', () => `/jobs?limit=20&cursor=${encodeCursor('jobs', middle)}`),
    get('GET /jobs?status=succeeded', () => '/jobs?status=succeeded&limit=20'),
    get('GET /jobs?status=running (none)', () => '/jobs?status=running&limit=20'),
    {
      name: 'POST /jobs',
      method: 'POST',
      status: 202,
      path: () => '/jobs',
      apiKey,
      body: JSON.stringify({ agent: ECHO_AGENT.id, command: 'x'.repeat(100) }),
    },
  ];
}

/** Runs the sweeper once in this process. Throws Error where it did not find and send exactly the due jobs. */
async function sweepDue(world: World): Promise<void> {
  const env = readApiEnv({ ...world.env, ...NEVER_RESENT });
  const deps = await createApiDeps(env, { write: () => undefined, streaming: false });
  const { due, sent } = await sweep({ ...deps, store: world.aws.store });
  if (due !== DUE || sent !== DUE)
    throw new Error(`the sweeper found ${due} and sent ${sent} of ${DUE} jobs`);
}
