import { newApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { apiKeyKey, tenantKey } from '../../shared/store/item-keys.ts';
import { DIRECTORY, directorySort, newTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { ECHO_AGENT } from '../../tests/e2e/trivial-agents.ts';
import { TEST_PEPPER } from '../../tests/harness/outpost.ts';
import { unfinishedDeletions } from '../../shared/store/tenants/delete-tenant-writes.ts';
import { listTenants } from '../../shared/store/tenants/list-tenants.ts';
import type { Cleanup } from '../measure/cleanup.ts';
import { loadItems } from '../measure/load-items.ts';
import { rssMib } from '../measure/proc.ts';
import { startWorld, type World } from '../measure/world.ts';
import { countUnits } from './count-units.ts';
import { type Level, type Measured, record } from './level.ts';
import { type Probe, send } from './probe.ts';
import { storedJobs } from './stored-jobs.ts';

const CLIENTS = 8;
/** Tenants that warm the process up and are then forgotten. */
const WARMERS = 20;
const JOBS_EACH = 2;
const UID_START = 2_000_000_000;

type Known = { readonly apiKey: string; readonly jobId: string };

/** How requests and memory do as the number of tenants that use one API process grows. */
export async function measureTenantsAxis(
  cleanup: Cleanup,
  size: { levels: readonly number[]; rounds: number; requests: number },
  progress: (line: string) => void,
): Promise<Level[]> {
  const world = await startWorld(cleanup, [ECHO_AGENT]);
  const api = await world.startApi();
  for (const probe of probesOf(await addTenants(world, WARMERS))) {
    await send(api.endpoint, probe, { clients: CLIENTS, requests: size.requests });
  }
  const tenants: Known[] = [];
  const levels: Level[] = [];
  for (const level of size.levels) {
    const before = tenants.length;
    tenants.push(...(await addTenants(world, level - before)));
    const [read, submit] = probesOf(tenants);
    const measured: Measured = new Map();
    const fresh = probesOf(tenants.slice(before))[0];
    const firstReads = await send(api.endpoint, fresh, { clients: CLIENTS, requests: level - before });
    record(measured, 'GET /jobs/{id}, a tenant’s first', firstReads);
    for (let round = 0; round < size.rounds; round += 1) {
      for (const probe of [read, submit]) {
        record(
          measured,
          probe.name,
          await send(api.endpoint, probe, { clients: CLIENTS, requests: size.requests }),
        );
      }
    }
    const { store } = world.aws;
    const listing = await countUnits(store, () => listTenants(store, { limit: 20 }));
    const deletions = await countUnits(store, () => unfinishedDeletions(store, 50));
    levels.push({
      size: level,
      measured,
      facts: {
        'API RSS (MiB)': rssMib(api.pid),
        'local AWS RSS (MiB)': rssMib(world.local.pid),
        'list of tenants, read units': listing.read,
        'look for unfinished deletions, read units': deletions.read,
      },
    });
    progress(`${level} tenants`);
  }
  return levels;
}

function probesOf(tenants: readonly Known[]): [Probe, Probe] {
  // A stride that is coprime to the count visits tenants all over.
  const pick = (n: number): Known => {
    const tenant = tenants[(n * 7919) % tenants.length];
    if (tenant === undefined) throw new Error('no tenants');
    return tenant;
  };
  return [
    {
      name: 'GET /jobs/{id}',
      method: 'GET',
      status: 200,
      path: (n) => `/jobs/${pick(n).jobId}`,
      apiKey: (n) => pick(n).apiKey,
    },
    {
      name: 'POST /jobs',
      method: 'POST',
      status: 202,
      path: () => '/jobs',
      apiKey: (n) => pick(n).apiKey,
      body: JSON.stringify({ agent: ECHO_AGENT.id, command: 'x'.repeat(100) }),
    },
  ];
}

/** New tenants with a key and a few jobs each, as the API would have stored them. */
async function addTenants(world: World, count: number): Promise<Known[]> {
  const { store } = world.aws;
  const made = Array.from({ length: count }, (_, index) => {
    const tenant = newTenant(store, {
      name: 'Bench',
      email: `t-${index}@example.com`,
      plan: 'enterprise',
      uid: UID_START + index,
    });
    const { apiKey, record: key } = newApiKey(store, TEST_PEPPER, tenant, {
      name: 'bench',
      mode: 'live',
      scopes: ['jobs:read', 'jobs:write'],
      expiresAt: null,
      requestsPerMinute: 1_000_000,
    });
    return { tenant: { ...tenant, active_keys: [key.key_hash] }, apiKey, key };
  });
  const items = made.flatMap(({ tenant, key }) => [
    { ...tenantKey(tenant.id), directory: DIRECTORY, directory_sort: directorySort(tenant), ...tenant },
    { ...apiKeyKey(key.key_hash), key_tenant_id: tenant.id, ...key },
  ]);
  await loadItems(world.local.dataDir, store.tables.tenants, items);
  const known: Known[] = [];
  const jobs = made.flatMap(({ tenant, apiKey, key }) => {
    let jobId = '';
    const stored = [
      ...storedJobs({ tenantId: tenant.id, keyHash: key.key_hash }, Date.now(), 1, JOBS_EACH, (id) => {
        jobId = id;
      }),
    ];
    known.push({ apiKey, jobId });
    return stored;
  });
  await loadItems(world.local.dataDir, store.tables.jobs, jobs);
  return known;
}
