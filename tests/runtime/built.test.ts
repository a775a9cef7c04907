import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FunctionName } from '../../stacks/functions.ts';
import { createTestTenant, outpostEnv, type TestTenant } from '../harness/outpost.ts';
import { type SharedOutpost, sharedOutpost } from '../harness/shared.ts';
import { deployInto, startDeployed } from './deployed.ts';
import { eventOf, streamedAnswer, viaGateway } from './gateway-client.ts';
import type { LambdaProcess } from './lambda-process.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** The functions as they are deployed: bundle, bytecode and the layer's bootstrap. */

let folder: string;
let outpost: SharedOutpost;
let tenant: TestTenant;
const processes: LambdaProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outpost-lambda-'));
  outpost = await sharedOutpost();
  tenant = await createTestTenant(outpost.aws.store);
  await deployInto(folder, ['api', 'stream', 'audit-writer']);
}, 180_000);
afterAll(async () => {
  for (const each of processes) await each.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(name: FunctionName, env: Record<string, string> = outpostEnv(outpost.local)): LambdaProcess {
  const started = startDeployed(folder, name, env);
  processes.push(started);
  return started;
}

const request = (method: string, path: string, body?: unknown): Request =>
  new Request(`https://api.example.com${path}`, {
    method,
    headers: {
      authorization: `Bearer ${tenant.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

test('the build has bytecode beside the bundle', () => {
  for (const file of ['index.js', 'index.js.jsc']) expect(existsSync(join(folder, 'api', file))).toBe(true);
});

describe('the api function', () => {
  let api: LambdaProcess;
  beforeAll(() => {
    api = start('api');
  });

  test('submits a job and reads it back, under the gateway’s request id', async () => {
    const submitted = await viaGateway(
      api.emulator,
      request('POST', '/jobs', { agent: 'codex', command: 'hello' }),
    );
    expect(submitted.status).toBe(202);
    expect(submitted.headers.get('x-request-id')).toStartWith('gateway-');
    const { job_id } = await submitted.json();
    const read = await viaGateway(api.emulator, request('GET', `/jobs/${job_id}`));
    expect(await read.json()).toMatchObject({ job_id, status: 'pending', command: 'hello' });
  });

  test('answers problems as problems', async () => {
    const answer = await viaGateway(api.emulator, request('POST', '/jobs', { agent: 'codex', commnd: 'x' }));
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test('serves its documentation, bundled assets included', async () => {
    const asset = await viaGateway(api.emulator, request('GET', '/docs/swagger-ui.css'));
    expect(asset.status).toBe(200);
    expect((await asset.text()).length).toBeGreaterThan(10_000);
  });

  test('refuses a caller without a key by itself', async () => {
    const answer = await viaGateway(api.emulator, new Request('https://api.example.com/jobs'));
    expect(answer.status).toBe(401);
  });

  test('survives an event that is none, and answers the next', async () => {
    expect(await api.emulator.invoke({ not: 'an event' })).toMatchObject({ kind: 'error' });
    expect((await viaGateway(api.emulator, request('GET', '/health'))).status).toBe(200);
  });

  test('ends cleanly on SIGTERM while it waits', async () => {
    const other = start('api');
    expect((await viaGateway(other.emulator, request('GET', '/health'))).status).toBe(200);
    other.terminate();
    expect(await other.exited).toBe(0);
  });
});

test('the stream function sends events while the job is open, and goes on after a client left', async () => {
  const stream = start('stream');
  const submitted = await outpost.api.request('POST', '/jobs', {
    key: tenant.apiKey,
    body: { agent: 'codex', command: 'hello' },
  });
  const { job_id } = await submitted.json();
  const outcome = await stream.emulator.invoke(await eventOf(request('GET', `/jobs/${job_id}/events`)), {
    deadlineMs: 1_500,
  });
  const answer = await streamedAnswer(outcome);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toStartWith('text/event-stream');
  // The job stays pending, so only the deadline ends the stream.
  await answer.text();
  const next = await streamedAnswer(await stream.emulator.invoke(await eventOf(request('GET', '/health'))));
  expect(next.status).toBe(200);
});

test('the audit writer names the messages that it could not write', async () => {
  const writer = start('audit-writer');
  const outcome = await writer.emulator.invoke({ Records: [{ messageId: 'm-1', body: 'not an entry' }] });
  if (outcome.kind === 'error') throw new Error(outcome.message);
  expect(await new Response(outcome.body).json()).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-1' }] });
});

test('a start with a broken environment is reported as such, with every problem and no value', async () => {
  const broken = start('api', {
    ...outpostEnv(outpost.local),
    OUTPOST_ENV: 'nowhere',
    OUTPOST_UID_START: 'x',
  });
  const message = await broken.emulator.initError;
  expect(message).toContain('OUTPOST_ENV');
  expect(message).toContain('OUTPOST_UID_START');
  expect(message).not.toContain('nowhere');
  expect(await broken.exited).toBe(1);
});
