import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { standIn } from '../../cli/build/schemas/stand-in.ts';
import { writeValidators } from '../../cli/build/schemas/validators-module.ts';
import { WORKER_ENTRIES } from '../../cli/build/worker-context.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { WORKER_RUNTIME_ENV } from '../../worker/runtime-env.ts';
import { SHELL_AGENT } from '../e2e/trivial-agents.ts';
import { type Child, startChild } from '../harness/child.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv } from '../harness/outpost.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Built as they are deployed, but put where arktype cannot be found: a schema that is made while a request or a job
 * is served is not compiled, and its first use would load arktype, which compiling is to save.
 */
const API_ENTRY = join(import.meta.dir, '../../api/serve.ts');
let folder: string;
let aws: LocalAws;
const children: Child[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outpost-without-arktype-'));
  chmodSync(folder, 0o711);
  const [worker, watchdog] = WORKER_ENTRIES;
  const entries = { 'api.js': API_ENTRY, 'main.js': worker, 'main.ts': watchdog };
  const { source } = await writeValidators(Object.values(entries).flatMap((entry) => entry ?? []));
  for (const [name, entry] of Object.entries(entries)) {
    const built = await Bun.build({
      entrypoints: [entry ?? ''],
      plugins: [standIn({ validators: source })],
      external: ['arktype'],
      target: 'bun',
      format: 'esm',
    });
    await Bun.write(join(folder, name), built.outputs[0] ?? '');
  }
  aws = await startLocalAws({ withOutpost: true });
});

afterAll(async () => {
  await Promise.all(children.map((child) => child.stop()));
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

const start = async (name: string, env: Record<string, string>): Promise<Child> => {
  const offline = { BUN_OPTIONS: '--no-install', OUTPOST_AGENTS: SHELL_AGENT.id };
  const child = await startChild(join(folder, name), { ...outpostEnv(aws), ...offline, ...env });
  children.push(child);
  return child;
};

test('a job is accepted, run and followed without arktype', async () => {
  const agents = join(folder, 'agents.json');
  writeFileSync(agents, JSON.stringify([SHELL_AGENT]));
  const api = await start('api.js', { PORT: '0' });
  await start('main.js', {
    ...WORKER_RUNTIME_ENV,
    OUTPOST_DATA_DIR: folder,
    OUTPOST_EXTRA_AGENTS_FILE: agents,
    OUTPOST_WORKER_HEALTH_PORT: '0',
  });
  const { apiKey, tenantId } = await createTestTenant(awsOf(aws).store, { scopes: SCOPES });
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${api.endpoint}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    });

  const accepted = await ask('/jobs', {
    method: 'POST',
    body: JSON.stringify({ agent: SHELL_AGENT.id, command: 'echo ran' }),
  });
  expect(accepted.status).toBe(202);
  const { job_id: jobId } = await accepted.json();
  const events = await (await ask(`/jobs/${jobId}/events`)).text();
  expect(events).toContain('ran');
  expect(events).toContain('event: end');
  const tenant = `/tenants/${tenantId}`;
  const requests = [
    `GET /jobs/${jobId}`,
    `GET /jobs/${jobId}/output`,
    'GET /jobs?limit=1&status=succeeded',
    'GET /usage',
    'GET /plans',
    'GET /audit?limit=1',
    `GET ${tenant}`,
    `PATCH ${tenant} {"name":"Renamed"}`,
    `POST ${tenant}/api-keys {"name":"another"}`,
    `GET ${tenant}/api-keys`,
    `PUT ${tenant}/secrets/anthropic {"value":"sk-ant-aaaaaaaaaaaaaaaaaaaa"}`,
    `GET ${tenant}/secrets`,
    'GET /tenants?limit=1',
    'POST /tenants {"name":"New","email":"new@example.com"}',
  ];
  const failed: string[] = [];
  for (const request of requests) {
    const [method = '', path = '', body] = request.split(/ (?=[/{])/);
    const { status } = await ask(path, body === undefined ? { method } : { method, body });
    if (status >= 300) failed.push(`${status} ${request}`);
  }
  expect(failed).toEqual([]);
  // What an invalid value lacks is arktype's to say, and here it cannot be found.
  expect((await ask('/jobs', { method: 'POST', body: '{}' })).status).toBe(500);
});
