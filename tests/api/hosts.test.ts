import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Aws } from '../../shared/deps.ts';
import { createTestTenant, type TestApi } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Whatever host a client names, the same routes answer: by the bytes of HTTP, since fetch sends no wrong ones. */

let aws: Aws;
let api: TestApi;

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
});

type Answer = { readonly status: number; readonly head: string; readonly body: string };

async function exchange(lines: readonly string[], body = ''): Promise<Answer> {
  const { hostname, port } = new URL(api.endpoint);
  const socket = connect(Number(port), hostname);
  socket.write(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`);
  const answer = await text(socket);
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: rest.join('\r\n\r\n') };
}

const HOSTS = ['x', 'api', '[::1]', 'a.example', 'a.example:8787', 'x'.repeat(2_000)];
const NO_HOSTS = [
  '',
  ' ',
  'a b',
  'user@x',
  'x/tenants?',
  'x/tenants#',
  'x\\y',
  '[',
  '%00',
  'x:80:80',
  'x:99999',
];

describe.each([...HOSTS, ...NO_HOSTS])('the host %j', (host) => {
  test('leads a request to the route of its path', async () => {
    const { status, body } = await exchange(['GET /health HTTP/1.1', `Host: ${host}`]);
    expect({ status, body }).toEqual({ status: 200, body: '{"status":"ok"}' });
  });

  test('is no way past the key, and no error of ours', async () => {
    const { status, head, body } = await exchange(['GET /jobs?limit=1 HTTP/1.1', `Host: ${host}`]);
    expect({ status, code: JSON.parse(body).code }).toEqual({ status: 401, code: 'unauthenticated' });
    expect(head).toContain('content-type: application/problem+json');
    expect(head).toMatch(/x-request-id: [0-9a-z]{26}/);
  });

  test('takes nothing from a body or a query', async () => {
    const { apiKey } = await createTestTenant(aws.store);
    const lines = [`Host: ${host}`, `Authorization: Bearer ${apiKey}`];
    const job = JSON.stringify({ agent: 'codex', command: 'hello' });
    const length = `Content-Length: ${job.length}`;
    const submitted = await exchange(
      ['POST /jobs HTTP/1.1', ...lines, 'Content-Type: application/json', length],
      job,
    );
    expect(submitted.status).toBe(202);
    const listed = await exchange(['GET /jobs?limit=1&status=pending HTTP/1.1', ...lines]);
    expect(listed.status).toBe(200);
    expect(listed.body).toContain(JSON.parse(submitted.body).job_id);
  });
});

test('a path that names another host is no route', async () => {
  for (const target of ['//evil.example/health', '//health', 'http://evil.example//health']) {
    const { status } = await exchange([`GET ${target} HTTP/1.1`, 'Host: x']);
    expect({ target, status }).toEqual({ target, status: 404 });
  }
});
