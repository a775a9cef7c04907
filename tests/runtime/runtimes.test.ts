import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from '../../cli/run-tool.ts';
import { billingOverHttp } from '../billing/over-http.ts';
import { createTestTenant, outpostEnv, type TestTenant } from '../harness/outpost.ts';
import { type SharedOutpost, sharedOutpost } from '../harness/shared.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row G3: the same entry, on each runtime. */
const ROOT = join(import.meta.dir, '../..');
const DENO_FOLDER = join(import.meta.dir, 'deno');

/** Deno of the pinned npm package, whose install script we do not run. */
function denoBinary(): string {
  const libc = process.platform === 'linux' ? '-glibc' : '';
  const platform = `${process.platform}-${process.arch}${libc}`;
  return join(DENO_FOLDER, 'node_modules/@deno', platform, 'deno');
}

async function fetchDeno(): Promise<void> {
  if (existsSync(denoBinary())) return;
  const options = ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress', '--no-summary'];
  const { exitCode, output } = await runTool([process.execPath, ...options], DENO_FOLDER);
  if (exitCode !== 0) throw new Error(`Deno could not be fetched: ${output}`);
}

const DENO_OPTIONS = [
  'run',
  '--allow-all',
  '--no-lock',
  '--node-modules-dir=manual',
  // The documentation's assets are imported as text.
  '--unstable-raw-imports',
];

const RUNTIMES: readonly (readonly [string, () => string[]])[] = [
  ['Bun', () => [process.execPath]],
  ['Deno', () => [denoBinary(), ...DENO_OPTIONS]],
];

let outpost: SharedOutpost;
let tenant: TestTenant;

beforeAll(async () => {
  await fetchDeno();
  outpost = await sharedOutpost();
  tenant = await createTestTenant(outpost.aws.store);
}, 180_000);

type Serving = { child: Bun.Subprocess<'ignore', 'pipe', 'inherit'>; endpoint: string };

async function serve(argv: string[], env: Readonly<Record<string, string>> = {}): Promise<Serving> {
  const child = Bun.spawn([...argv, 'api/serve.ts'], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      ...outpostEnv(outpost.local),
      PORT: '0',
      ...env,
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const { value } = await child.stdout.getReader().read();
  const { endpoint } = JSON.parse(new TextDecoder().decode(value).split('\n')[0] ?? '');
  return { child, endpoint };
}

describe.each(RUNTIMES)('on %s', (_, argv) => {
  let child: Serving['child'];
  let endpoint: string;

  beforeAll(async () => {
    ({ child, endpoint } = await serve(argv()));
  }, 180_000);
  afterAll(async () => {
    child.kill('SIGKILL');
    await child.exited;
  });

  const call = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${endpoint}${path}`, {
      method,
      headers: { authorization: `Bearer ${tenant.apiKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  test('health, documentation and refusals are the same', async () => {
    expect((await fetch(`${endpoint}/health`)).status).toBe(200);
    expect((await fetch(`${endpoint}/docs/swagger-ui.css`)).headers.get('content-type')).toStartWith(
      'text/css',
    );
    const refused = await fetch(`${endpoint}/jobs`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect((await call('POST', '/jobs', { agent: 'codex' })).status).toBe(400);
  });

  test('a job is submitted, read, followed and cancelled', async () => {
    const submitted = await call('POST', '/jobs', { agent: 'codex', command: 'grüße' });
    expect(submitted.status).toBe(202);
    const { job_id } = await submitted.json();
    expect(await (await call('GET', `/jobs/${job_id}`)).json()).toMatchObject({ command: 'grüße' });
    expect((await call('DELETE', `/jobs/${job_id}`)).status).toBe(200);
    const events = await call('GET', `/jobs/${job_id}/events`);
    expect(events.headers.get('content-type')).toStartWith('text/event-stream');
    expect(await events.text()).toContain('event: end');
  });

  test('SIGTERM ends it cleanly', async () => {
    child.kill('SIGTERM');
    expect(await child.exited).toBe(0);
  });

  describe('billing', () =>
    billingOverHttp(async (env) => {
      const serving = await serve(argv(), env);
      return {
        endpoint: serving.endpoint,
        stop: async () => {
          serving.child.kill('SIGTERM');
          await serving.child.exited;
        },
      };
    }));
});
