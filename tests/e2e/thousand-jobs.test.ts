import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import type { Job } from '../../shared/model/job.ts';
import { tenantKey } from '../../shared/store/item-keys.ts';
import { createLimiter } from '../agents/cli-run.ts';
import type { TestTenant } from '../harness/outpost.ts';
import { ECHO_AGENT } from './trivial-agents.ts';
import { hasEnded, type TenantClient } from './tenant-client.ts';
import { startWorld, type World } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Many jobs of many tenants at once, on workers as they are deployed: each ends once, nothing of it is left behind. */

const JOBS_MAX = 1_000;
const JOBS_AT_SCALE_ONE = 100;
const JOBS = Math.min(JOBS_MAX, JOBS_AT_SCALE_ONE * Number(process.env['OUTPOST_TEST_SCALE'] ?? 1));
const TENANTS = 20;
const WORKERS = 5;
/** Every second tenant may run only so many jobs at once, so that some wait for a slot. */
const CAP = 2;
const WORKSPACES = 3;
/** A job that stands still so long is lost, however busy the machine is. */
const STALLED_MS = 180_000;
const WITHIN_MS = STALLED_MS + JOBS * 3_000;
/** Often enough, and a small part of the work. */
const LOOK_EVERY_MS = 2_000;
const READS_AT_ONCE = 8;
const START_MS = 180_000;

type Tenant = TenantClient<TestTenant>;
type Submitted = { readonly tenant: Tenant; readonly jobId: string; readonly command: string };

let world: World;
beforeAll(async () => {
  world = await startWorld({
    agents: [ECHO_AGENT],
    agentIds: [ECHO_AGENT.id],
    workers: WORKERS,
    built: true,
  });
}, START_MS);
afterAll(() => world.stop(), START_MS);

const submitAll = async (tenant: Tenant, index: number): Promise<Submitted[]> => {
  const submitted: Submitted[] = [];
  for (let n = index; n < JOBS; n += TENANTS) {
    const command = `job ${n} of tenant ${index}, ${'äöü€'.repeat(n % 50)}\n`;
    const workspace = `w${n % WORKSPACES}`;
    submitted.push({
      tenant,
      command,
      jobId: await tenant.submit({ agent: ECHO_AGENT.id, command, workspace }),
    });
  }
  return submitted;
};

/** Waits as long as jobs go on ending. */
const untilAllEnded = async (tenants: readonly Tenant[]): Promise<Job[]> => {
  const ended = new Map<Tenant, Job[]>();
  let left = Infinity;
  let deadline = performance.now() + STALLED_MS;
  for (;;) {
    const open: Job[] = [];
    for (const tenant of tenants) {
      if (ended.has(tenant)) continue;
      const jobs = await tenant.jobs();
      if (jobs.every(hasEnded)) ended.set(tenant, jobs);
      open.push(...jobs.filter((job) => !hasEnded(job)));
    }
    if (open.length === 0) return [...ended.values()].flat();
    if (open.length < left) deadline = performance.now() + STALLED_MS;
    left = open.length;
    if (performance.now() > deadline) throw new Error(`not ended: ${JSON.stringify(open)}`);
    await Bun.sleep(LOOK_EVERY_MS);
  }
};

/** The sort keys of every item that hangs on a tenant. */
const itemsOf = async (tenant: Tenant): Promise<{ sk: string; running: number }[]> => {
  const { client, tables } = world.aws.store;
  const { Items = [], LastEvaluatedKey } = await client.send(
    new QueryCommand({
      TableName: tables.tenants,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: tenantKey(tenant.tenantId).pk } },
    }),
  );
  expect(LastEvaluatedKey).toBeUndefined();
  return Items.map((item) => ({ sk: item['sk']?.S ?? '', running: Number(item['running']?.N ?? 0) }));
};

/** For each tenth of the finishes, how many of the tenants had one: all of them, where nobody starves. */
const interleaving = (jobs: readonly Job[]): number[] => {
  const order = jobs.toSorted((a, b) => (a.completed_at ?? '').localeCompare(b.completed_at ?? ''));
  const tenth = Math.ceil(order.length / 10);
  return Array.from(
    { length: 10 },
    (_, n) => new Set(order.slice(n * tenth, (n + 1) * tenth).map((job) => job.tenant_id)).size,
  );
};

describe(`${JOBS} jobs of ${TENANTS} tenants on ${WORKERS} workers`, () => {
  const tenants: Tenant[] = [];
  const submitted: Submitted[] = [];
  const jobs: Job[] = [];

  test(
    'all end, each succeeded at its first attempt',
    async () => {
      for (let n = 0; n < TENANTS; n += 1) {
        tenants.push(await world.tenant(n % 2 === 0 ? {} : { limits: { concurrent_jobs: CAP } }));
      }
      const begun = performance.now();
      submitted.push(...(await Promise.all(tenants.map(submitAll))).flat());
      const accepted = performance.now();
      jobs.push(...(await untilAllEnded(tenants)));
      const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1);
      console.log(
        `${JOBS} jobs accepted in ${((accepted - begun) / 1000).toFixed(1)} s, ended in ${seconds(begun)} s`,
      );
      expect(new Set(jobs.map((job) => job.job_id))).toEqual(new Set(submitted.map((job) => job.jobId)));
      expect(jobs).toHaveLength(JOBS);
      const odd = jobs.filter((job) => job.status !== 'succeeded' || job.attempt !== 1);
      expect(odd).toEqual([]);
    },
    WITHIN_MS + 60_000,
  );

  test('no tenant starves', () => {
    const spread = interleaving(jobs);
    console.log(`tenants with a finish in each tenth of the run: ${spread.join(' ')} of ${TENANTS}`);
    const half = jobs
      .toSorted((a, b) => (a.completed_at ?? '').localeCompare(b.completed_at ?? ''))
      .slice(0, JOBS / 2);
    expect(new Set(half.map((job) => job.tenant_id)).size).toBe(TENANTS);
  });

  test(
    'each has one ledger row, one audit entry of its end, one end event and its own output',
    async () => {
      const limit = createLimiter(READS_AT_ONCE);
      for (const tenant of tenants) {
        const own = submitted.filter((job) => job.tenant === tenant);
        const ids = own.map((job) => job.jobId).toSorted();
        const ledger = (await itemsOf(tenant)).filter(({ sk }) => sk.startsWith('LEDGER#'));
        expect(ledger.map(({ sk }) => sk.slice('LEDGER#'.length)).toSorted()).toEqual(ids);
        const ends = await tenant.audit('job.end');
        expect(ends.map(({ resource }) => resource).toSorted()).toEqual(ids.map((id) => `jobs/${id}`));
        await Promise.all(
          own.map(({ jobId, command }) =>
            limit(async () => {
              const events = await tenant.events(jobId);
              expect(events.filter(({ type }) => type === 'end')).toHaveLength(1);
              expect((await tenant.output(jobId)).toString()).toBe(command);
            }),
          ),
        );
      }
    },
    60_000 + JOBS * 200,
  );

  test('no slot and no workspace stays taken', async () => {
    for (const tenant of tenants) {
      const items = await itemsOf(tenant);
      expect(items.filter(({ sk }) => sk.startsWith('WORKSPACE#'))).toEqual([]);
      expect(items.filter(({ sk }) => sk === 'SLOTS').map(({ running }) => running)).toEqual(
        tenant.tenant.limits.concurrent_jobs === undefined ? [] : [0],
      );
    }
  });
});
