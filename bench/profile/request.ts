import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalAws } from '../../tests/harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv, type TestTenant } from '../../tests/harness/outpost.ts';
import { percentile } from '../framework/figures.ts';
import { readProfile } from './cold-start.ts';
import { formatHot, modulesByLine, summarize } from './cpu-profile.ts';

const ROOT = join(import.meta.dirname, '../..');
const WARM_UP = 200;
const REQUESTS = 1_000;
const INTERVAL_US = 500;
const MOST = 25;
const BUNDLE = 'serve.js';

/** Profiles a warm API under requests that come one after the other. */
export async function profileRequest(): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'outpost-profile-'));
  const local = await startLocalAws({ withOutpost: true });
  try {
    const tenant = await createTestTenant(awsOf(local).store);
    // Bundled and not minified: the profile then says from which package a function is.
    const built = await Bun.build({
      entrypoints: [join(ROOT, 'api/serve.ts')],
      outdir: work,
      naming: BUNDLE,
      target: 'bun',
    });
    if (!built.success) throw new AggregateError(built.logs, 'the API could not be bundled');
    const parts: string[] = [];
    for (const [title, send] of PATHS) {
      parts.push(await profiled(work, outpostEnv(local), title, (url) => send(url, tenant)));
    }
    return parts.join('\n');
  } finally {
    await local.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

const authorized = (tenant: TestTenant) => ({ authorization: `Bearer ${tenant.apiKey}` });

const submit = (url: string, tenant: TestTenant): Promise<Response> =>
  fetch(`${url}/jobs`, {
    method: 'POST',
    headers: { ...authorized(tenant), 'content-type': 'application/json' },
    body: JSON.stringify({ agent: 'claude', command: 'Say hello.' }),
  });

const list = (url: string, tenant: TestTenant): Promise<Response> =>
  fetch(`${url}/jobs?limit=1`, { headers: authorized(tenant) });

const PATHS: readonly (readonly [string, (url: string, tenant: TestTenant) => Promise<Response>])[] = [
  ['POST /jobs', submit],
  ['GET /jobs?limit=1', list],
];

async function profiled(
  work: string,
  env: Readonly<Record<string, string>>,
  title: string,
  send: (url: string) => Promise<Response>,
): Promise<string> {
  const profiles = mkdtempSync(join(work, 'profiles-'));
  const child = Bun.spawn(
    [
      process.execPath,
      '--cpu-prof',
      `--cpu-prof-interval=${INTERVAL_US}`,
      `--cpu-prof-dir=${profiles}`,
      join(work, BUNDLE),
    ],
    {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', ...env, PORT: '0' },
      stdout: 'pipe',
      stderr: 'inherit',
    },
  );
  const times: number[] = [];
  let since = performance.now();
  try {
    const lines = readLines(child.stdout);
    const url = await lines.endpoint;
    for (let index = 0; index < WARM_UP + REQUESTS; index += 1) {
      const started = performance.now();
      if (index === WARM_UP) since = started;
      const answer = await send(url);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${title}: ${answer.status}`);
      if (index >= WARM_UP) times.push(performance.now() - started);
    }
    child.kill('SIGTERM');
    await child.exited;
  } finally {
    child.kill('SIGKILL');
    await child.exited;
  }
  const lines = modulesByLine(readFileSync(join(work, BUNDLE), 'utf8'));
  // Start and warm-up are before; a little of the process's end is in it.
  const summary = summarize(readProfile(profiles), BUNDLE, lines, performance.now() - since);
  const each = summary.milliseconds / REQUESTS;
  const middle = percentile(times, 0.5);
  return [
    `${title}: p50 ${middle.toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(2)} ms; ${each.toFixed(2)} ms of it JavaScript, the rest waits for AWS`,
    '',
    formatHot('By package', summary.modules, summary.milliseconds, MOST),
    formatHot('Hottest functions', summary.functions, summary.milliseconds, MOST),
  ].join('\n');
}

/** Reads a process's output to its end; `endpoint` is what it says it listens on. */
function readLines(stdout: ReadableStream<Uint8Array>): { readonly endpoint: Promise<string> } {
  const found = Promise.withResolvers<string>();
  const read = async (): Promise<void> => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of stdout) {
      if (text.length < 100_000) text += decoder.decode(chunk, { stream: true });
      const endpoint = /"endpoint":"([^"]+)"/.exec(text)?.[1];
      if (endpoint !== undefined) found.resolve(endpoint);
    }
    found.reject(new Error(`the API ended: ${text}`));
  };
  void read().catch(found.reject);
  return { endpoint: found.promise };
}
