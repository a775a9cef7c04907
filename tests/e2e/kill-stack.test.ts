import { afterAll, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../cli/start/client.ts';
import type { Job } from '../../shared/model/job.ts';
import { type BunStart, bunStart, killAtOnce, readCredentials, untilDead } from './bun-start.ts';
import { SHELL_AGENT } from './trivial-agents.ts';
import { createTenantClient, hasEnded, type TenantClient } from './tenant-client.ts';

/**
 * `kill -9` of the whole of `bun start` while jobs are submitted and run, then a start on the same data: what
 * was accepted is not lost, and what was never answered exists at most once.
 */

const ROUNDS = Math.min(10, 2 + Number(process.env['OUTPOST_TEST_SCALE'] ?? 1));
const TENANTS = 3;
const WORKSPACES = 4;
const KILL_WITHIN_MS = 4_000;
/** Between two submissions of a tenant, so that the backlog stays short. */
const PACE_MS = 150;
/** A lease of 20 s twice over, its margin, the sweeper's look, and a machine that is busy. */
const STALLED_MS = 120_000;
const START_MS = 180_000;

const data = mkdtempSync(join(tmpdir(), 'outpost-kill-'));
chmodSync(data, 0o711);
const agentsFile = join(data, 'agents.json');
writeFileSync(agentsFile, JSON.stringify([SHELL_AGENT]));
const dataDir = join(data, 'outpost');

let running: BunStart | undefined;
afterAll(async () => {
  if (running !== undefined) {
    running.signal('SIGTERM');
    await running.exited;
  }
  rmSync(data, { recursive: true, force: true });
}, START_MS);

/** The tenants and their keys, from the first start on. */
const tenants: { tenantId: string; apiKey: string }[] = [];

const start = async (): Promise<TenantClient[]> => {
  running = bunStart({
    dataDir,
    args: ['--no-demo'],
    env: { OUTPOST_AGENTS: SHELL_AGENT.id, OUTPOST_EXTRA_AGENTS_FILE: agentsFile },
  });
  await running.serving;
  const { url, admin_key: adminKey } = readCredentials(dataDir);
  while (tenants.length < TENANTS) {
    const admin = createClient(url, adminKey);
    const email = `kill-${tenants.length}@example.com`;
    const { id } = await admin.call('POST', '/tenants', { name: 'Kill', email, plan: 'enterprise' });
    const key = await admin.call('POST', `/tenants/${String(id)}/api-keys`, { name: 'kill' });
    tenants.push({ tenantId: String(id), apiKey: String(key['api_key']) });
  }
  return tenants.map((tenant) => createTenantClient(url, tenant));
};

/** A job long enough to be killed in its midst. */
const bodyOf = ({ name, n }: Submission) => ({
  agent: SHELL_AGENT.id,
  command: `echo ${name}; sleep 0.5; echo done`,
  workspace: `w${n % WORKSPACES}`,
});

/** `name` is its idempotency key and in its command; `jobId` is null until it is answered. */
type Submission = {
  readonly name: string;
  readonly n: number;
  readonly tenantId: string;
  jobId: string | null;
};
const submissions: Submission[] = [];

const submit = async (tenant: TenantClient, submission: Submission): Promise<void> => {
  submission.jobId = await tenant.submit(bodyOf(submission), submission.name);
};

const submitUntil = async (tenant: TenantClient, round: number, dead: AbortSignal): Promise<void> => {
  for (let n = 0; !dead.aborted; n += 1) {
    const { tenantId } = tenant;
    const submission = { name: `round-${round}-${tenantId}-${n}`, n, tenantId, jobId: null };
    submissions.push(submission);
    try {
      await submit(tenant, submission);
    } catch (error) {
      // Cut off by the kill, which is how a submission stays without an answer; before it, an error counts.
      if (!dead.aborted) throw error;
    }
    await Bun.sleep(PACE_MS);
  }
};

const killSomewhere = async (clients: readonly TenantClient[], round: number): Promise<void> => {
  if (running === undefined) throw new Error('nothing runs');
  const dead = new AbortController();
  const submitters = clients.map((tenant) => submitUntil(tenant, round, dead.signal));
  const afterMs = Math.round(Math.random() * KILL_WITHIN_MS);
  await Bun.sleep(afterMs);
  const pids = running.processes();
  dead.abort();
  killAtOnce(pids);
  await Promise.all(submitters);
  await untilDead(pids);
  console.log(`round ${round}: ${pids.length} processes killed after ${afterMs} ms of submissions`);
};

const allJobs = async (clients: readonly TenantClient[]): Promise<Job[]> =>
  (await Promise.all(clients.map((tenant) => tenant.jobs()))).flat();

/** Waits as long as jobs go on ending: a backlog takes its time, and only what stands still is lost. */
const untilAllEnded = async (clients: readonly TenantClient[]): Promise<Job[]> => {
  let open = Infinity;
  let deadline = performance.now() + STALLED_MS;
  for (;;) {
    const jobs = await allJobs(clients);
    const left = jobs.filter((job) => !hasEnded(job));
    if (left.length === 0) return jobs;
    if (left.length < open) deadline = performance.now() + STALLED_MS;
    open = left.length;
    if (performance.now() > deadline) throw new Error(`lost: ${JSON.stringify(left)}`);
    await Bun.sleep(500);
  }
};

test(
  `no accepted job is lost over ${ROUNDS} kills of everything`,
  async () => {
    for (let round = 1; round <= ROUNDS; round += 1) await killSomewhere(await start(), round);
    const clients = await start();
    const clientOf = (tenantId: string): TenantClient => {
      const client = clients.find((each) => each.tenantId === tenantId);
      if (client === undefined) throw new Error(`no tenant ${tenantId}`);
      return client;
    };

    const found = Map.groupBy(await allJobs(clients), (job) => job.command);
    const idsOf = (submission: Submission): string[] =>
      (found.get(bodyOf(submission).command) ?? []).map((job) => job.job_id);
    const accepted = submissions.filter(({ jobId }) => jobId !== null);
    const unanswered = submissions.filter(({ jobId }) => jobId === null);
    const arrived = unanswered.filter((submission) => idsOf(submission).length > 0).length;
    console.log(`${accepted.length} accepted, ${unanswered.length} unanswered (${arrived} of them arrived)`);
    expect(accepted.length).toBeGreaterThan(0);
    for (const submission of accepted) expect(idsOf(submission)).toEqual([submission.jobId ?? '']);

    // Sent again under the same key, an unanswered submission finds its job or becomes one.
    for (const submission of unanswered) {
      const before = idsOf(submission);
      await submit(clientOf(submission.tenantId), submission);
      if (before.length > 0) expect(before).toEqual([submission.jobId ?? '']);
    }
    const jobs = await untilAllEnded(clients);
    expect(jobs.map((job) => job.job_id).toSorted()).toEqual(
      submissions.map(({ jobId }) => jobId ?? '').toSorted(),
    );
    const again = jobs.filter((job) => job.attempt > 1);
    console.log(`${jobs.length} jobs ended, ${again.length} of them after more than one attempt`);
    for (const job of jobs) {
      const ends = (await clientOf(job.tenant_id).events(job.job_id)).filter(({ type }) => type === 'end');
      expect(ends).toHaveLength(1);
      // Three kills in the midst of one job are the platform's failure; nothing else may keep it from succeeding.
      // The claim that finds the third is an attempt as well, and may be killed, too.
      if (job.failure?.code === 'platform_failure' && job.attempt > 3) continue;
      expect(job).toMatchObject({ status: 'succeeded', failure: null });
      const name = submissions.find(({ jobId }) => jobId === job.job_id)?.name ?? '';
      expect((await clientOf(job.tenant_id).output(job.job_id)).toString()).toBe(`${name}\ndone\n`);
    }
  },
  ROUNDS * (START_MS + 120_000) + STALLED_MS + 120_000,
);
