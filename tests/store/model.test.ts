import { beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import fc from 'fast-check';
import { isTerminal, type JobRecord } from '../../shared/model/job.ts';
import type { Lease } from '../../shared/store/jobs/claim-job.ts';
import { endJob, type Outcome } from '../../shared/store/jobs/end-job.ts';
import { handBack } from '../../shared/store/jobs/hand-back.ts';
import { requestCancel } from '../../shared/store/jobs/request-cancel.ts';
import { unparkOldest } from '../../shared/store/jobs/unpark-oldest.ts';
import { heartbeat, markAgentStarted } from '../../shared/store/jobs/write-leased.ts';
import type { Store } from '../../shared/store/store.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import {
  addJob,
  claim,
  end,
  itemsOf,
  later,
  LEASE_OVER_MS,
  LEASE_SECONDS,
  read,
  slotsTaken,
  SUCCEEDED,
  usageOf,
} from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Whatever workers, tenants and crashes do in whatever order, every job ends once, nothing stays reserved, and
 * the ledger holds exactly the jobs that count.
 */

let store: Store;

beforeAll(async () => {
  ({ store } = (await sharedOutpost()).aws);
});

const RUNS = 12 * Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

const CAP = 2;
const JOBS_A_TENANT = 4;
const CANCELLED: Outcome = { status: 'cancelled', failure: { code: 'cancelled', message: 'x' } };

/** What a worker holds, or believes to hold: the lease may be lost long since. */
type Held = { job: JobRecord; readonly lease: Lease };

type Step =
  | { readonly do: 'claim' | 'cancel'; readonly job: number }
  | { readonly do: 'start' | 'heartbeat' | 'finish' | 'fail' | 'hand_back' | 'crash'; readonly held: number }
  | { readonly do: 'wait' }
  | { readonly do: 'together'; readonly steps: readonly Step[] };

const one: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('claim', 'claim', 'claim', 'cancel'), job: fc.nat(2 * JOBS_A_TENANT - 1) }),
  fc.record({
    do: fc.constantFrom('start', 'heartbeat', 'finish', 'fail', 'hand_back', 'crash'),
    held: fc.nat(7),
  }),
  fc.constant<Step>({ do: 'wait' }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: one },
  {
    weight: 1,
    arbitrary: fc
      .array(one, { minLength: 2, maxLength: 5 })
      .map((steps): Step => ({ do: 'together', steps })),
  },
);

class World {
  readonly jobs: JobRecord[] = [];
  readonly tenants: TestTenant[] = [];
  /** Leases in the order they were won. A crash leaves them here: a zombie may wake up. */
  readonly leases: Held[] = [];
  readonly ended = new Map<string, number>();
  store: Store = store;

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'together':
        await Promise.all(next.steps.map((each) => this.take(each)));
        break;
      case 'wait':
        this.store = later(this.store, LEASE_OVER_MS);
        break;
      case 'claim':
        await this.claim(this.jobs[next.job]);
        break;
      case 'cancel':
        await this.cancel(this.jobs[next.job]);
        break;
      default:
        await this.work(next.do, this.leases[next.held]);
    }
    await this.invariants();
  }

  async claim(job: JobRecord | undefined): Promise<void> {
    if (job === undefined) return;
    const result = await claim(this.store, job);
    if (result.kind === 'claimed') this.leases.push({ job: result.job, lease: result.lease });
    if (result.kind === 'taken_over' && (await end(this.store, result, result.outcome))) this.count(job);
    if (result.kind === 'ended_unrun') this.count(job);
  }

  async cancel(job: JobRecord | undefined): Promise<void> {
    if (job === undefined) return;
    const record = await read(this.store, job);
    if (record.status === 'running') await requestCancel(this.store, record, []);
    if (record.status === 'pending' && (await endJob(this.store, record, { guard: 'pending' }, CANCELLED))) {
      this.count(job);
    }
  }

  async work(what: string, held: Held | undefined): Promise<void> {
    if (held === undefined) return;
    if (what === 'start') {
      held.job = (await markAgentStarted(this.store, held.lease, new Date().toISOString())) ?? held.job;
    }
    if (what === 'heartbeat') await heartbeat(this.store, held.lease, LEASE_SECONDS);
    if (what === 'hand_back') {
      const details = { lastEventId: 0, nextCheckAt: 1 };
      if (await handBack(this.store, held.job, held.lease, 'handed_back', details))
        await this.promote(held.job);
    }
    if (what !== 'finish' && what !== 'fail') return;
    const failed: Outcome = { status: 'failed', failure: { code: 'agent_failed', message: 'x' } };
    if (await end(this.store, held, what === 'finish' ? SUCCEEDED : failed)) {
      this.count(held.job);
      await this.promote(held.job);
    }
  }

  async promote(job: JobRecord): Promise<void> {
    await unparkOldest(this.store, job.tenant_id, job.workspace);
  }

  count(job: JobRecord): void {
    this.ended.set(job.job_id, (this.ended.get(job.job_id) ?? 0) + 1);
  }

  /** True at every moment: no tenant over its cap, no workspace with two jobs, no job ended twice. */
  async invariants(): Promise<void> {
    for (const { tenantId } of this.tenants) {
      expect(await slotsTaken(this.store, tenantId)).toBeLessThanOrEqual(CAP);
    }
    for (const times of this.ended.values()) expect(times).toBe(1);
  }

  /** Workers that do not die, until nothing is left: as the sweeper sees to it. */
  async drain(): Promise<void> {
    for (let round = 0; round < 30; round += 1) {
      const left = (await Promise.all(this.jobs.map((job) => read(this.store, job)))).filter(
        ({ status }) => !isTerminal(status),
      );
      if (left.length === 0) return;
      this.store = later(this.store, LEASE_OVER_MS);
      for (const job of left) {
        const before = this.leases.length;
        await this.claim(job);
        const won = this.leases[before];
        await this.work('start', won);
        await this.work('finish', won);
      }
    }
    throw new Error('jobs are left');
  }
}

async function newWorld(): Promise<World> {
  const world = new World();
  for (let tenant = 0; tenant < 2; tenant += 1) {
    world.tenants.push(
      await createTestTenant(store, { limits: { concurrent_jobs: CAP, jobs_per_period: 1000 } }),
    );
  }
  for (let index = 0; index < JOBS_A_TENANT; index += 1) {
    for (const tenant of world.tenants) {
      world.jobs.push(await addJob(store, tenant, { workspace: index < 2 ? 'shared' : `own-${index}` }));
    }
  }
  return world;
}

test(
  'every job ends exactly once, whatever happens in between',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const world = await newWorld();
        for (const each of steps) await world.take(each);
        await world.drain();
        const records = await Promise.all(world.jobs.map((job) => read(store, job)));
        for (const tenant of world.tenants) {
          const own = records.filter((job) => job.tenant_id === tenant.tenantId);
          const counted = own.filter(
            (job) => job.agent_started_at !== undefined && job.failure?.code !== 'platform_failure',
          );
          const ledger = await itemsOf(store, tenant.tenantId, 'LEDGER#');
          expect(ledger.map((row) => String(row['job_id'])).toSorted()).toEqual(
            counted.map((job) => job.job_id).toSorted(),
          );
          expect(await slotsTaken(store, tenant.tenantId)).toBe(0);
          expect(await itemsOf(store, tenant.tenantId, 'WORKSPACE#')).toEqual([]);
          const [first] = own;
          if (first === undefined) throw new Error('a tenant without jobs');
          const refunded = own.length - counted.length;
          expect(await usageOf(store, first)).toEqual({ used: counted.length, refunded });
        }
        expect(world.ended.size).toBe(world.jobs.length);
      }),
      { numRuns: RUNS },
    );
  },
  60_000 * RUNS,
);
