import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { installRootOf } from '../../cli/install-agent.ts';
import type { Provider } from '../../shared/agents.ts';
import type { JobEvent } from '../../shared/model/event.ts';
import type { Job } from '../../shared/model/job.ts';
import { outputBytes } from '../../shared/output/read-raw.ts';
import { BUILT_IN_AGENTS } from '../../worker/agents/registry.ts';
import { baseUrlOf } from '../../worker/agents/render.ts';
import type { AgentRow } from '../../worker/agents/row.ts';
import { AGENTS_CACHE, installOnce } from '../agents/install-once.ts';
import { startTestModel } from '../harness/scripted-model.ts';
import { eventually } from '../worker/launcher/probe.ts';
import { commandsOf } from './tenant-processes.ts';
import { hasEnded } from './tenant-client.ts';
import { startWorld, type World } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * The real CLIs through POST /jobs: local AWS, API, functions and two workers as processes of their own, the
 * scripted model as every provider. All jobs are submitted at once, each by a tenant of its own with a key of
 * its own, and each test waits for its job.
 */

const HELLO = 'hello from the scripted model\n';
/** From submission to the end, with every other job before it in the queue. */
const PATIENCE_MS = 900_000;
/** Row J4. */
const CANCEL_MS = 10_000;
const START_MS = 180_000;
const TIMEOUT_SECONDS = 4;

/** The CLI of a built-in row, with the scripted model where the row has its provider. */
type Cli = { readonly id: string; readonly provider: Provider; readonly row: AgentRow };

const model = startTestModel();
afterAll(() => model.stop());

/** Whether a user without rights can run it, as at level uid it must: its Python may lie in a private home. */
function othersReach(executable: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return true;
  const argv = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', executable, '--version'];
  return Bun.spawnSync(argv, { cwd: '/', env: { HOME: '/nonexistent' } }).success;
}

const clis: Cli[] = [];
for (const row of BUILT_IN_AGENTS) {
  const installed = await installOnce(row);
  if (installed === null || row.provider === null) continue;
  if (row.install === 'pypi' && !othersReach(installed.executable)) {
    console.log(`SKIPPED ${row.id}: a tenant's user cannot run ${installed.executable}`);
    continue;
  }
  const scripted: AgentRow = {
    ...row,
    id: `scripted-${row.id}`,
    install: 'none',
    exec: { any: installed.executable },
    unpack: null,
    baseUrl: baseUrlOf(row, model.endpoint),
  };
  clis.push({ id: row.id, provider: row.provider, row: scripted });
}

let world: World;
beforeAll(async () => {
  world = await startWorld({
    agents: clis.map(({ row }) => row),
    agentIds: clis.flatMap(({ id, row }) => [id, row.id]),
    workers: 2,
    workerEnv: {
      OUTPOST_AGENTS_DIR: installRootOf(AGENTS_CACHE),
      OUTPOST_FALLBACK_MODEL_URL: model.endpoint,
    },
  });
}, START_MS);
afterAll(() => world.stop(), START_MS);

let sequence = 0;

const newTenant = async (provider: Provider) => {
  sequence += 1;
  const suffix = sequence.toString(36).padStart(4, '0');
  // Characters that base64, URLs and JSON each write differently.
  const key = `sk-e2e/${'Q7+w'.repeat(6)}?&=-${suffix}`;
  const tenant = await world.tenant();
  await tenant.putProviderKey(provider, key);
  return { tenant, key, suffix };
};

type Submitted = Awaited<ReturnType<typeof newTenant>> & { readonly jobId: string };
type Finished = Submitted & { readonly job: Job; readonly events: JobEvent[]; readonly output: Buffer };

const submit = async (cli: Cli, scenario: string, more: object = {}): Promise<Submitted> => {
  const owner = await newTenant(cli.provider);
  const command = `Please do it #scenario:${scenario}`;
  return { ...owner, jobId: await owner.tenant.submit({ agent: cli.row.id, command, ...more }) };
};

const finish = async (submitted: Submitted): Promise<Finished> => {
  const { tenant, jobId } = submitted;
  const events = await tenant.events(jobId);
  return { ...submitted, events, job: await tenant.job(jobId), output: await tenant.output(jobId) };
};

const target = ({ tenant, jobId }: Submitted) => ({
  uid: world.isolatesByUid ? tenant.tenant.uid : null,
  jobId,
});

const calledModel = async ({ suffix }: Submitted): Promise<boolean> =>
  (await model.requests()).some((one) => one.key_last4 === suffix && one.scenario !== null);

/** Waits for something that the agent does. Throws when the job ends first. */
const waitFor = async (submitted: Submitted, happened: () => Promise<boolean>): Promise<void> => {
  while (!(await happened())) {
    const job = await submitted.tenant.job(submitted.jobId);
    if (hasEnded(job)) {
      const output = await submitted.tenant.output(submitted.jobId);
      throw new Error(`ended early: ${JSON.stringify(job)}\n${output.toString().slice(-2_000)}`);
    }
    await Bun.sleep(150);
  }
};

/** Waits until no process of the job is alive. */
const untilGone = (submitted: Submitted): Promise<void> =>
  eventually(() => commandsOf(target(submitted)).length === 0);

/** Cancels the job once `ready`; `tookMs` is how long it took from the request until nothing of it was alive. */
const cancelWhen = async (cli: Cli, scenario: string, ready: (job: Submitted) => Promise<boolean>) => {
  const submitted = await submit(cli, scenario);
  await waitFor(submitted, () => ready(submitted));
  const before = commandsOf(target(submitted));
  const asked = performance.now();
  const status = await submitted.tenant.cancel(submitted.jobId);
  await untilGone(submitted);
  const tookMs = performance.now() - asked;
  const job = await submitted.tenant.until(submitted.jobId, hasEnded, PATIENCE_MS);
  return { ...submitted, before, status, job, tookMs };
};

const sleepsOf = (submitted: Submitted): string[] =>
  commandsOf(target(submitted))
    .filter((command) => command.startsWith('sleep 77'))
    .toSorted();

/** aider edits files and answers; the model gives it no tool to call. */
const hasTools = ({ id }: { readonly id: string }): boolean => id !== 'aider';

const flows = (cli: Cli) => ({
  text: submit(cli, 'text').then(finish),
  tool: submit(cli, 'tool').then(finish),
  bash: hasTools(cli) ? submit(cli, 'bash').then(finish) : null,
  keys: hasTools(cli) ? submit(cli, 'keys').then(finish) : null,
  refused: submit(cli, '401').then(finish),
  timeout: submit(cli, 'hang', { timeout_seconds: TIMEOUT_SECONDS }).then(finish),
  hang: cancelWhen(cli, 'hang', calledModel),
  spawn: hasTools(cli) ? cancelWhen(cli, 'spawn', async (job) => sleepsOf(job).length === 3) : null,
  keyless: world
    .tenant()
    .then(async (tenant) => ({
      tenant,
      key: '',
      suffix: '',
      jobId: await tenant.submit({ agent: cli.id, command: 'Write #scenario:tool' }),
    }))
    .then(finish),
});
const started = new Map<string, ReturnType<typeof flows>>();

const ofType = <T extends JobEvent['type']>(events: readonly JobEvent[], type: T) =>
  events.filter((event): event is Extract<JobEvent, { type: T }> => event.type === type);

const expectSuccess = ({ job, output }: Finished): void => {
  if (job.status !== 'succeeded') console.log(output.toString().slice(-2_000));
  expect(job).toMatchObject({ status: 'succeeded', attempt: 1, exit_code: 0, failure: null });
};

/** What must hold of every job's stream. */
const expectWhole = ({ job, events, output }: Finished): void => {
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  expect(events[0]).toMatchObject({ type: 'status', status: 'running', attempt: 1 });
  expect(ofType(events, 'end')).toEqual([
    expect.objectContaining({ status: job.status, failure: job.failure }),
  ]);
  const written = events.flatMap((event) =>
    event.type === 'stdout' || event.type === 'stderr' ? [outputBytes(event)] : [],
  );
  expect(Buffer.concat(written).equals(output)).toBe(true);
  expect(job.output_bytes).toBe(output.byteLength);
};

/** hello.txt in the tenant's workspace, and whose it is. */
const expectHello = ({ tenant }: Finished): void => {
  const file = join(world.workspacesRoot, tenant.tenantId, 'default/hello.txt');
  expect(readFileSync(file, 'utf8')).toBe(HELLO);
  if (world.isolatesByUid) expect(statSync(file).uid).toBe(tenant.tenant.uid);
};

/** The ways in which a key can be written down, as far as a search can tell them. */
const formsOf = (key: string): string[] => [
  key,
  encodeURIComponent(key),
  JSON.stringify(key).slice(1, -1),
  key.replaceAll('/', '\\/'),
  Buffer.from(key).toString('hex'),
  Buffer.from(key).toString('base64'),
  Buffer.from(key).toString('base64url'),
];

beforeAll(() => {
  for (const cli of clis) {
    const all = flows(cli);
    started.set(cli.id, all);
    // The test that waits for it reports its failure.
    void Promise.allSettled(Object.values(all));
  }
});

describe.each(clis.map((cli) => [cli.id, cli] as const))('%s', (id) => {
  type Flows = ReturnType<typeof flows>;
  const flow = async <K extends keyof Flows>(name: K): Promise<NonNullable<Awaited<Flows[K]>>> => {
    const run = await started.get(id)?.[name];
    if (run === undefined || run === null) throw new Error(`${id} did not start ${name}`);
    return run;
  };
  const it = (name: string, run: () => Promise<void>): void => test(name, run, PATIENCE_MS);
  const itWithTools = (name: string, run: () => Promise<void>): void => {
    if (hasTools({ id })) it(name, run);
  };

  it('text: streams an answer that the tenant’s own key paid for', async () => {
    const run = await flow('text');
    expectSuccess(run);
    expectWhole(run);
    expect(ofType(run.events, 'message').map(({ text }) => text.trim())).toEqual([
      'Hello from the scripted model.',
    ]);
    expect(run.job.usage).toMatchObject({ output_tokens: 20 });
    expect(await calledModel(run)).toBe(true);
  });

  it('tool: writes a file into the tenant’s workspace, as the tenant', async () => {
    const run = await flow('tool');
    expectSuccess(run);
    expectWhole(run);
    expect(ofType(run.events, 'tool_result')).toMatchObject([{ ok: true }]);
    expectHello(run);
    expect(await calledModel(run)).toBe(true);
  });

  it('tool, without a key: the scripted model stands in, and the stream says so', async () => {
    const run = await flow('keyless');
    expectSuccess(run);
    expectWhole(run);
    expectHello(run);
    expect(ofType(run.events, 'status')[0]?.message).toContain('scripted model');
  });

  itWithTools('bash: runs a command and reports what it printed', async () => {
    const run = await flow('bash');
    expectSuccess(run);
    expectWhole(run);
    expect(ofType(run.events, 'tool_result')[0]?.output).toContain('wrote hello.txt');
    expectHello(run);
  });

  itWithTools('keys: shows the key nowhere, in no form', async () => {
    const run = await flow('keys');
    expectSuccess(run);
    expectWhole(run);
    // codex keeps the key from its shells; of the others it must be seen that there was something to redact.
    expect(run.output.includes('[redacted]')).toBe(id !== 'codex');
    const told = [JSON.stringify(run.events), run.output.toString(), JSON.stringify(run.job), world.logs()];
    for (const form of formsOf(run.key)) {
      for (const text of told) expect(text.includes(form)).toBe(false);
    }
  });

  it('401: fails with provider_key_rejected', async () => {
    const run = await flow('refused');
    expect(run.job).toMatchObject({ status: 'failed', failure: { code: 'provider_key_rejected' } });
    expectWhole(run);
  });

  it('timeout_seconds: ends as timed_out, with nothing left', async () => {
    const run = await flow('timeout');
    expect(run.job).toMatchObject({ status: 'timed_out', failure: { code: 'timed_out' } });
    expectWhole(run);
    await untilGone(run);
  });

  it('hang: is cancelled within 10 s and leaves no process', async () => {
    const run = await flow('hang');
    expect(run.before).not.toEqual([]);
    expect(run.status).toBe(202);
    expect(run.job).toMatchObject({ status: 'cancelled' });
    expect(run.tookMs).toBeLessThan(CANCEL_MS);
  });

  itWithTools('spawn: a cancel also ends what the tool left behind', async () => {
    const run = await flow('spawn');
    expect(run.before.filter((command) => command.startsWith('sleep')).toSorted()).toEqual([
      'sleep 777',
      'sleep 778',
      'sleep 779',
    ]);
    expect(run.status).toBe(202);
    expect(run.job).toMatchObject({ status: 'cancelled' });
    expect(run.tookMs).toBeLessThan(CANCEL_MS);
  });
});
