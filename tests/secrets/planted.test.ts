import { GetObjectCommand, ListBucketsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { exportAudit } from '../../api/operations/export-audit.ts';
import { bootstrap } from '../../api/operations/bootstrap.ts';
import { ensurePepper } from '../../api/operations/ensure-pepper.ts';
import { createApiDeps, readApiEnv } from '../../api/deps.ts';
import { AWS_OPTIONAL_VARIABLES, AWS_VARIABLES, createAws, type Aws } from '../../shared/deps.ts';
import { readEnv } from '../../shared/env.ts';
import { hashApiKey } from '../../shared/hash.ts';
import { newUuid, randomHex } from '../../shared/ids.ts';
import { WORKER_RUNTIME_ENV } from '../../worker/runtime-env.ts';
import { auditBacklog, retryAuditSoon, scanTable } from '../audit/entries.ts';
import { checkAnswer } from '../harness/contract.ts';
import { type LoggedProcess, startLogged } from './logged-process.ts';
import { findings, type Place, type Planted, processes, secretsIn } from './search.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Row S4: unique secrets are planted wherever one can be, a whole system runs through success and failure, and
 * everything that it wrote is searched. The planted values look like no known key, so that nothing is found
 * clean only because a pattern cut it out.
 */
const plant = (name: string): string => `planted${name}${randomHex(12)}`;

const providerKey = plant('provider');
const replacedKey = plant('replaced');
const rotatedKey = plant('rotated');
const prompt = plant('prompt');
const idempotency = plant('idempotency');
const query = plant('query');
const misplaced = plant('misplaced');
const strangersKey = `op_live_${randomHex(16)}`;

const AGENT = {
  id: 'keyed',
  install: 'none',
  exec: { any: '/bin/sh' },
  bunOptions: null,
  unpack: null,
  argv: ['-s'],
  prompt: 'stdin',
  provider: 'openai',
  keyVariable: 'OPENAI_API_KEY',
  baseUrl: null,
  baseUrlSuffix: '',
  model: null,
  env: {},
  files: [],
  parser: 'text',
  killGraceMs: 500,
  minMemoryMb: 16,
};

/** What sets a tenant's limits and uid before its agent. */
const LAUNCHER = ['prlimit', 'nice', 'choom', 'setpriv', 'unshare', 'env'];

const folder = mkdtempSync(join(tmpdir(), 'outpost-planted-'));
const data = join(folder, 'data');
const running: LoggedProcess[] = [];
/** Every answer over HTTP, with its headers. */
const answers: Place[] = [];
let aws: Aws;
let local: LoggedProcess;
let api: LoggedProcess;
let planted: Planted = {};
let hashes: Planted = {};
let awsSecret = '';
/** `command line` or `environment` of a process that held a secret while jobs ran. */
const sights = new Set<string>();
let watching = true;

type Options = { key?: string; body?: unknown; headers?: Record<string, string>; shows?: string };

/** A call whose answer is kept for the search; `shows` is the field that a key is rightly shown in. */
async function call(method: string, path: string, options: Options = {}): Promise<Record<string, unknown>> {
  const answer = await fetch(`${api.endpoint}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  await checkAnswer(method, path, answer);
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true;
  const body: Record<string, unknown> = isJson ? JSON.parse(text) : { text };
  const kept = options.shows === undefined ? text : JSON.stringify({ ...body, [options.shows]: null });
  answers.push({
    where: `answer ${method} ${path.replace(query, '<query>').replace(strangersKey, '<key>')} ${answer.status}`,
    text: `${JSON.stringify([...answer.headers])}\n${kept}`,
  });
  return { ...body, status_code: answer.status };
}

const fault = (rules: object[]) =>
  fetch(`${local.endpoint}/_outpost/faults`, { method: 'POST', body: JSON.stringify({ rules }) });

/** Looks at every process while the jobs run. Who may hold what is judged at the end. */
async function watch(): Promise<void> {
  while (watching) {
    const secrets = { ...planted, awsSecret };
    for (const { pid, commandLine, environment } of processes()) {
      const owner = running.find((each) => each.pid === pid)?.name ?? ownerOf(commandLine);
      for (const name of secretsIn(commandLine, secrets)) sights.add(`command line of ${owner}: ${name}`);
      for (const name of secretsIn(environment, secrets)) sights.add(`environment of ${owner}: ${name}`);
    }
    await Bun.sleep(40);
  }
}

/** A process that is not one of `running`: what the worker starts, which the launcher's chain execs step by step. */
function ownerOf(commandLine: string): string {
  const [program = '', ...args] = commandLine.split('\n');
  // Between fork and exec a child still looks like the worker.
  if (args.some((each) => each.endsWith('worker/main.ts'))) return 'worker';
  const name = program.split('/').at(-1) ?? '';
  return ['sh', 'sleep', 'base64', ...LAUNCHER].includes(name) ? 'the agent' : `${program} ${args.join(' ')}`;
}

const job = (key: string, command: string, more: object = {}, headers: Record<string, string> = {}) =>
  call('POST', '/jobs', { key, body: { agent: 'keyed', command, ...more }, headers });

/** Patience, not a promise: processes on a busy machine. */
const REACHED_MS = 120_000;

/** The job once it is in one of these states. Throws with the worker's last lines when that takes too long. */
async function reached(
  key: string,
  jobId: unknown,
  states: readonly string[],
): Promise<Record<string, unknown>> {
  const deadline = performance.now() + REACHED_MS;
  for (;;) {
    const found = await call('GET', `/jobs/${String(jobId)}`, { key });
    if (states.includes(String(found['status']))) return found;
    if (performance.now() > deadline) {
      const worker = running.find(({ name }) => name === 'worker')?.text() ?? '';
      throw new Error(`${JSON.stringify(found)}\n${worker.slice(-3000)}`);
    }
    await Bun.sleep(150);
  }
}

const ended = (key: string, jobId: unknown) =>
  reached(key, jobId, ['succeeded', 'failed', 'cancelled', 'timed_out']);

/** The soft and the hard limit of a process's core file. */
const coreLimitOf = (pid: number): string =>
  /^Max core file size +(\d+|unlimited) +(\d+|unlimited)/m
    .exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))
    ?.slice(1)
    .join(' ') ?? 'unknown';

let tenantId = '';
let coreLimits: Record<string, string> = {};
let statuses: unknown[] = [];

beforeAll(async () => {
  const env: Record<string, string> = { OUTPOST_ENV: 'local', AWS_REGION: 'us-east-1' };
  local = await startLogged({
    name: 'local-aws',
    entry: 'local/aws/main.ts',
    args: ['--until-stdin-closes', '--with-outpost', '--faults'],
    env: { AWS_PORT: '0', OUTPOST_DATA_DIR: join(folder, 'aws-data') },
    folder,
  });
  running.push(local);
  const pair = JSON.parse(readFileSync(join(folder, 'aws-data/aws/credentials.json'), 'utf8'));
  awsSecret = pair.secretAccessKey;
  Object.assign(env, {
    AWS_ENDPOINT_URL: local.endpoint,
    OUTPOST_QUEUE_BASE_URL: `${local.endpoint}/000000000000`,
    AWS_ACCESS_KEY_ID: pair.accessKeyId,
    AWS_SECRET_ACCESS_KEY: awsSecret,
    OUTPOST_AGENTS: 'keyed',
  });
  process.env['AWS_ACCESS_KEY_ID'] = pair.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = awsSecret;
  aws = createAws(readEnv(env, AWS_VARIABLES, AWS_OPTIONAL_VARIABLES));
  await retryAuditSoon(aws.queues);
  const pepper = await ensurePepper(aws.secrets);
  const settings = { pepper, uidStart: 2_000_000_000, uidCount: 1000 };
  const first = await bootstrap(aws.store, settings, { rotate: false, email: 'o@example.com' });
  if (first.kind === 'exists') throw new Error('a fresh system was bootstrapped before');
  const adminKey = first.adminKey;

  writeFileSync(join(folder, 'agents.json'), JSON.stringify([AGENT]));
  chmodSync(folder, 0o711);
  api = await startLogged({ name: 'api', entry: 'api/serve.ts', env: { ...env, PORT: '0' }, folder });
  running.push(api);
  running.push(
    await startLogged({
      name: 'functions',
      entry: 'api/functions/serve.ts',
      env: { ...env, OUTPOST_SWEEP_SECONDS: '1' },
      folder,
    }),
    await startLogged({
      name: 'worker',
      entry: 'worker/main.ts',
      env: {
        ...env,
        ...WORKER_RUNTIME_ENV,
        OUTPOST_DATA_DIR: data,
        OUTPOST_EXTRA_AGENTS_FILE: join(folder, 'agents.json'),
        OUTPOST_WORKER_HEALTH_PORT: '0',
      },
      folder,
    }),
  );

  const tenant = await call('POST', '/tenants', {
    key: adminKey,
    body: { name: 'Planted', email: 'p@example.com', plan: 'enterprise' },
    headers: { 'idempotency-key': idempotency },
  });
  tenantId = String(tenant['id']);
  const at = `/tenants/${tenantId}`;
  const issued = await call('POST', `${at}/api-keys`, {
    key: adminKey,
    body: { name: 'k' },
    headers: { 'idempotency-key': idempotency + 1 },
    shows: 'api_key',
  });
  const key = String(issued['api_key']);
  planted = {
    providerKey,
    replacedKey,
    rotatedKey,
    prompt,
    idempotency,
    query,
    misplaced,
    strangersKey,
    pepper,
    adminKey,
    apiKey: key,
  };
  hashes = Object.fromEntries(
    [key, adminKey].map((each, index) => [`hash${index}`, hashApiKey(pepper, each)]),
  );
  const watched = watch();

  // Without a provider key; then with one, through every way a secret goes.
  const missing = await ended(key, (await job(key, `echo ${prompt}`))['job_id']);
  await call('PUT', `${at}/secrets/openai`, { key, body: { value: replacedKey } });
  // The worker believes for a second that there is none.
  await Bun.sleep(1_100);
  await call('PUT', `${at}/secrets/openai`, {
    key,
    body: { value: providerKey },
    headers: { 'idempotency-key': idempotency + 2 },
  });
  await call('PUT', `${at}/secrets/openai`, {
    key,
    body: { value: providerKey },
    headers: { 'idempotency-key': idempotency + 2 },
  });
  await call('POST', `${at}/secrets/openai/rotate`, { key, body: { value: rotatedKey } });
  await call('GET', `${at}/secrets`, { key });

  // An agent that tells its key in every stream, lives a while, and one that fails.
  const says = `: ${prompt}; echo "core files of $(ulimit -Hc) blocks"; echo "$OPENAI_API_KEY"; echo "key=$OPENAI_API_KEY" >&2; printf %s "$OPENAI_API_KEY" | base64; echo done > note.txt; sleep 1`;
  const good = await ended(key, (await job(key, says, {}, { 'idempotency-key': idempotency + 3 }))['job_id']);
  const bad = await ended(key, (await job(key, `${says}; exit 3`))['job_id']);
  const slow = await job(key, `: ${prompt}; echo "$OPENAI_API_KEY"; sleep 60`);
  await reached(key, slow['job_id'], ['running']);
  await call('DELETE', `/jobs/${String(slow['job_id'])}`, {
    key,
    headers: { 'idempotency-key': idempotency + 4 },
  });
  const cancelled = await ended(key, slow['job_id']);
  for (const each of [good, bad]) {
    await call('GET', `/jobs/${String(each['job_id'])}/output`, { key });
    await call('GET', `/jobs/${String(each['job_id'])}/events`, { key, headers: { 'last-event-id': '0' } });
  }
  statuses = [missing, good, bad, cancelled].map((each) => each['status']);

  coreLimits = Object.fromEntries(running.map(({ name, pid }) => [name, coreLimitOf(pid)]));

  // Secrets where they do not belong, and failures on the way.
  await call('POST', '/jobs', { key, body: { agent: 'keyed', command: prompt, unknown_field: misplaced } });
  await call('POST', '/jobs', { key, body: { agent: misplaced, command: prompt } });
  await call('POST', '/jobs', {
    key,
    body: { agent: 'keyed', command: prompt, workspace: `../${misplaced}` },
  });
  await call('PUT', `${at}/secrets/openai`, { key, body: { value: `${misplaced} with a space` } });
  await call('PUT', `${at}/secrets/openai`, {
    key,
    body: { value: providerKey },
    headers: { 'idempotency-key': idempotency + 3 },
  });
  await call('GET', `/jobs?status=${query}`, { key });
  await call('GET', `/nowhere?api_key=${query}`, { key });
  await call('GET', `/jobs/${strangersKey}`, { key });
  await call('GET', `/${strangersKey}`);
  await call('GET', '/jobs', { key: strangersKey, headers: { 'user-agent': `curl ${strangersKey}` } });
  await call('GET', '/jobs', { headers: { authorization: `Basic ${strangersKey}` } });
  const outage = { kind: 'outage' };
  for (const service of ['dynamodb', 'sqs', 'secretsmanager']) {
    await fault([{ service, fault: outage }]);
    await call('POST', '/jobs', { key, body: { agent: 'keyed', command: `: ${prompt}` } });
    await call('PUT', `${at}/secrets/xai`, { key, body: { value: providerKey } });
    await call('GET', '/jobs', { key });
  }
  // What was lost comes back, the audit trail above all.
  await fetch(`${local.endpoint}/_outpost/faults`, { method: 'DELETE' });
  await call('POST', `${at}/api-keys`, { key, body: { name: 'late' }, shows: 'api_key' });
  await call('GET', '/audit?limit=100', { key });
  while ((await auditBacklog(aws.queues)) > 0) await Bun.sleep(50);
  const deps = await createApiDeps(readApiEnv({ ...env, OUTPOST_PEPPER: pepper }), {
    write: () => undefined,
    streaming: false,
  });
  await exportAudit(deps, new Date().toISOString().slice(0, 10));
  watching = false;
  await watched;
  for (const name of ['worker', 'functions', 'api']) await running.find((each) => each.name === name)?.stop();
}, 600_000);

afterAll(async () => {
  watching = false;
  await Promise.all(running.map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

test('the run went through success and failure', () => {
  expect(statuses).toEqual(['failed', 'succeeded', 'failed', 'cancelled']);
  const codes = new Set(answers.map(({ where }) => where.split(' ').at(-1)));
  for (const code of ['200', '201', '202', '400', '401', '404', '409', '503']) expect(codes).toContain(code);
  console.log(
    `S4: planted ${Object.keys(planted).join(', ')}, the AWS secret and ${Object.keys(hashes).length} key hashes`,
  );
});

describe('nothing planted is found', () => {
  test('in the logs of any process', () => {
    const logs = running.map(({ name, text }) => ({ where: name, text: text() }));
    console.log(
      `S4: logs searched: ${logs.map(({ where, text }) => `${where} ${text.length} B`).join(', ')}`,
    );
    expect(logs.find(({ where }) => where === 'api')?.text).toContain('"event":"request"');
    expect(findings(logs, { ...planted, ...hashes, awsSecret })).toEqual([]);
  });

  test('in any answer, but a prompt in its own job', () => {
    console.log(`S4: answers searched: ${answers.length}`);
    const found = findings(answers, { ...planted, ...hashes, awsSecret });
    const own = /^answer (GET|DELETE) \/jobs(\/[0-9A-Z]{26})? 20\d: prompt$/;
    expect(found.filter((each) => !own.test(each))).toEqual([]);
  });

  test('in any table, but a prompt in its own job and the hash with its key', async () => {
    const found: string[] = [];
    for (const table of ['tenants', 'jobs', 'audit'] as const) {
      const items = await scanTable(aws.store, table);
      console.log(`S4: table ${table} searched: ${items.length} items`);
      expect(items.length).toBeGreaterThan(0);
      const places = items.flatMap((item) =>
        Object.entries(item).map(([field, value]) => ({
          where: `${table}.${field}`,
          text: JSON.stringify(value),
        })),
      );
      found.push(...findings(places, { ...planted, awsSecret }));
    }
    // The job itself, and the answer to its cancellation, kept for repetitions of it.
    expect(found.toSorted()).toEqual(['jobs.command: prompt', 'tenants.body: prompt']);
    const audit = (await scanTable(aws.store, 'audit')).map((item) => ({
      where: 'audit',
      text: JSON.stringify(item),
    }));
    expect(findings(audit, hashes)).toEqual([]);
  });

  test('in any object', async () => {
    const places: Place[] = [];
    const { Buckets = [] } = await aws.outputs.s3.send(new ListBucketsCommand({}));
    for (const { Name: Bucket } of Buckets) {
      const { Contents = [] } = await aws.outputs.s3.send(new ListObjectsV2Command({ Bucket }));
      for (const { Key = '' } of Contents) {
        const object = await aws.outputs.s3.send(new GetObjectCommand({ Bucket, Key }));
        const bytes = Buffer.from((await object.Body?.transformToByteArray()) ?? []);
        const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
        const about = JSON.stringify([Key, object.Metadata, object.ContentType]);
        places.push({ where: `${Bucket}/${Key}`, text: `${about}\n${text.toString('utf8')}` });
      }
    }
    console.log(
      `S4: objects searched: ${places.length}, ${places.reduce((sum, { text }) => sum + text.length, 0)} B`,
    );
    expect(places.some(({ where }) => where.startsWith('outpost-output'))).toBe(true);
    expect(places.some(({ where }) => where.startsWith('outpost-audit-export'))).toBe(true);
    expect(findings(places, { ...planted, ...hashes, awsSecret })).toEqual([]);
  });

  test('in the command line or the environment of a process that need not hold it', () => {
    console.log(`S4: process sights: ${[...sights].toSorted().join('; ')}`);
    const platform = ['api', 'functions', 'worker'].map((name) => `environment of ${name}: awsSecret`);
    const allowed = [...platform, 'environment of the agent: providerKey'];
    expect([...sights].filter((sight) => !allowed.includes(sight))).toEqual([]);
    // The watch saw the agent at work: it would have seen more.
    expect([...sights]).toContain('environment of the agent: providerKey');
  });

  test('in a core file: no process that holds a secret may leave one', () => {
    const none = '0 0';
    expect(coreLimits).toEqual({ 'local-aws': none, api: none, functions: none, worker: none });
    const outputs = answers.filter(({ where }) => where.endsWith('/output 200'));
    expect(outputs).toHaveLength(2);
    for (const { text } of outputs) expect(text).toContain('core files of 0 blocks');
  });

  test('in the files of the worker', () => {
    const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => join(data, name));
    const places = files
      .filter((file) => statSync(file).isFile())
      .map((file) => ({ where: file, text: readFileSync(file, 'utf8') }));
    console.log(`S4: worker files searched: ${places.length}`);
    expect(places.length).toBeGreaterThan(0);
    expect(findings(places, { ...planted, awsSecret })).toEqual([]);
  });

  test('in the store below local AWS, but what tables, queues and secrets must hold', () => {
    const { providerKey: _, replacedKey: _r, rotatedKey: _n, pepper: _p, prompt: _q, ...never } = planted;
    const base = join(folder, 'aws-data/aws');
    const files = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name !== 'credentials.json',
    );
    const places = files
      .map((name) => join(base, name))
      .filter((file) => statSync(file).isFile())
      .map((file) => ({ where: file, text: readFileSync(file, 'latin1') }));
    console.log(`S4: files of local AWS searched: ${places.length}`);
    expect(places.length).toBeGreaterThan(0);
    expect(findings(places, never)).toEqual([]);
  });
});

test('the search finds what it looks for', () => {
  const secret = { it: 'a-secret-of-some-length' };
  const within = Buffer.from(`before ${secret.it} after`).toString('base64');
  for (const text of [
    secret.it,
    `"${within}"`,
    Buffer.from(secret.it).toString('hex'),
    `x=${newUuid()}&y=${secret.it}`,
  ]) {
    expect(secretsIn(text, secret)).toEqual(['it']);
  }
  expect(secretsIn('a-secret-of-another-length', secret)).toEqual([]);
});
