import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { BODY_MAX_BYTES } from '../../api/http/read-request.ts';
import { ROUTES } from '../../api/routes/table.ts';
import type { Aws } from '../../shared/deps.ts';
import { type TestApi } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { fieldsOf, PLANTED, refused, refusedFor } from './problems.ts';
import { callRoute, createWorld, type World } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** The "Bad input" list: each a 4xx that names the field, none a 500, none repeats what was planted in it. */

let aws: Aws;
let api: TestApi;
let world: World;

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
  world = await createWorld(api, aws);
});

const JOB = { agent: 'codex', command: 'hello' } as const;

const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  api.request('POST', '/jobs', { key: world.apiKey, body, headers });

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  api.request('GET', path, { key: world.apiKey, headers });

/** Sends a body as it is, however wrong. */
const raw = (body: BodyInit, headers: Record<string, string> = {}, path = '/jobs'): Promise<Response> =>
  api.fetch(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.apiKey}`, 'content-type': 'application/json', ...headers },
    body,
  });

describe('a body that is no JSON', () => {
  test.each([
    ['nothing', ''],
    ['blanks', '  \n'],
    ['text', `hello ${PLANTED}`],
    ['half an object', `{"agent":"codex","command":"${PLANTED}`],
    ['a trailing comma', `{"agent":"codex","command":"${PLANTED}",}`],
    ['single quotes', `{'agent':'codex','command':'${PLANTED}'}`],
    ['two values', `{"agent":"codex"}{"command":"${PLANTED}"}`],
    ['NaN', '{"agent":"codex","command":"x","timeout_seconds":NaN}'],
    ['a comment', `/* ${PLANTED} */{"agent":"codex","command":"x"}`],
    ['a byte order mark twice', `\ufeff\ufeff{"agent":"codex","command":"${PLANTED}"}`],
    ['a raw control character', `{"agent":"codex","command":"${PLANTED}\u0001"}`],
    ['a form', `agent=codex&command=${PLANTED}`],
  ])('is refused: %s', async (_, body) => {
    expect(fieldsOf(await refused(await raw(body)))).toEqual(['body']);
  });

  test('is refused when it is not UTF-8', async () => {
    for (const wrong of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc0, 0xaf]]) {
      const bytes = new Uint8Array([
        ...new TextEncoder().encode(`{"agent":"codex","command":"${PLANTED}`),
        ...wrong,
        ...new TextEncoder().encode('"}'),
      ]);
      expect(fieldsOf(await refused(await raw(bytes)))).toEqual(['body']);
    }
    const utf16 = new Uint8Array(
      Uint16Array.from(JSON.stringify(JOB).split(''), (each) => each.charCodeAt(0)).buffer,
    );
    expect(fieldsOf(await refused(await raw(utf16)))).toEqual(['body']);
  });

  test.each([
    ['null', 'null'],
    ['a number', '1'],
    ['a string', `"${PLANTED}"`],
    ['a list', `[{"agent":"codex","command":"${PLANTED}"}]`],
    ['true', 'true'],
  ])('is refused when it is JSON but no object: %s', async (_, body) => {
    await refused(await raw(body));
  });

  test('is refused when it is nested without end', async () => {
    for (const depth of [1_000, 50_000]) {
      const nested = `{"agent":"codex","command":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      await refused(await raw(nested));
      await refused(await raw('['.repeat(depth)));
      await refused(
        await raw(`${'{"a":'.repeat(Math.min(depth, 15_000))}1${'}'.repeat(Math.min(depth, 15_000))}`),
      );
    }
  });
});

describe('a Content-Type that is not JSON', () => {
  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'json'])(
    'is refused: %s',
    async (contentType) => {
      const answer = await raw(JSON.stringify({ ...JOB, command: PLANTED }), { 'content-type': contentType });
      await refused(answer, 415, 'unsupported_media_type');
    },
  );

  test('is refused when there is none', async () => {
    const body = new Uint8Array(new TextEncoder().encode(JSON.stringify(JOB)));
    const answer = await api.fetch('/jobs', {
      method: 'POST',
      headers: { authorization: `Bearer ${world.apiKey}` },
      body,
    });
    await refused(answer, 415, 'unsupported_media_type');
  });

  test('is accepted with a charset and in capitals', async () => {
    const answer = await raw(JSON.stringify(JOB), { 'content-type': 'Application/JSON; charset=UTF-8' });
    expect(answer.status).toBe(202);
  });
});

describe('an oversized body', () => {
  const sizes = [BODY_MAX_BYTES + 1, BODY_MAX_BYTES * 4 + 1, BODY_MAX_BYTES * 64];

  test.each(sizes)('is refused with a Content-Length of %d', async (size) => {
    await refused(await raw(PLANTED.padEnd(size, 'x')), 413, 'payload_too_large');
  });

  test.each(sizes)('is refused in chunks, without a Content-Length, of %d bytes', async (size) => {
    const chunk = new TextEncoder().encode(PLANTED.padEnd(16_384, 'x'));
    let left = size;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left <= 0) return controller.close();
        controller.enqueue(chunk.slice(0, Math.min(left, chunk.length)));
        left -= chunk.length;
      },
    });
    await refused(await raw(stream), 413, 'payload_too_large');
  });

  test('is the largest one that is accepted when it has the limit', async () => {
    const padded = JSON.stringify(JOB).padEnd(BODY_MAX_BYTES, ' ');
    expect((await raw(padded)).status).toBe(202);
  });
});

describe('POST /jobs', () => {
  test.each([
    ['agent', { agent: 1 }],
    ['agent', { agent: `Codex ${PLANTED}` }],
    ['agent', { agent: 'unknown' }],
    ['agent', { agent: '__proto__' }],
    ['agent', { agent: 'constructor' }],
    ['agent', { agent: null }],
    ['command', { command: '' }],
    ['command', { command: [PLANTED] }],
    ['command', { command: { toString: PLANTED } }],
    ['command', { command: `nul \u0000 ${PLANTED}` }],
    ['command', { command: PLANTED.padEnd(10_001, 'x') }],
    ['command', { command: '😀'.repeat(5_001) }],
    ['workspace', { workspace: '' }],
    ['workspace', { workspace: '.' }],
    ['workspace', { workspace: '..' }],
    ['workspace', { workspace: '../other' }],
    ['workspace', { workspace: 'a/b' }],
    ['workspace', { workspace: 'a\\b' }],
    ['workspace', { workspace: '/etc' }],
    ['workspace', { workspace: 'nul\u0000' }],
    ['workspace', { workspace: 'line\n' }],
    ['workspace', { workspace: PLANTED.padEnd(300, 'x') }],
    ['workspace', { workspace: 'x'.repeat(65) }],
    ['workspace', { workspace: 'ünïcode' }],
    ['priority', { priority: 'urgent' }],
    ['priority', { priority: 1 }],
    ['timeout_seconds', { timeout_seconds: 0 }],
    ['timeout_seconds', { timeout_seconds: -1 }],
    ['timeout_seconds', { timeout_seconds: 39_601 }],
    ['timeout_seconds', { timeout_seconds: 1.5 }],
    ['timeout_seconds', { timeout_seconds: '60' }],
    ['timeout_seconds', { timeout_seconds: Number.MAX_VALUE }],
    ['max_attempts', { max_attempts: 0 }],
    ['max_attempts', { max_attempts: 4 }],
    ['metadata', { metadata: PLANTED }],
    ['metadata', { metadata: [] }],
    ['metadata.a', { metadata: { a: 1 } }],
    ['metadata.a', { metadata: { a: PLANTED.padEnd(513, 'x') } }],
    ['metadata.a b', { metadata: { 'a b': PLANTED } }],
    ['metadata', { metadata: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, 'v'])) }],
    ['unknown', { unknown: PLANTED }],
    ['tenant_id', { tenant_id: PLANTED }],
    ['status', { status: 'succeeded' }],
  ])('refuses a wrong %s: %j', async (field, wrong) => {
    await refusedFor(await post({ ...JOB, ...wrong }), field);
  });

  test.each(['1e400', '-1e400', '123456789012345678901234567890', '1e-400', '-0'])(
    'refuses or rounds no huge number: %s',
    async (number) => {
      const answer = await raw(`{"agent":"codex","command":"x","timeout_seconds":${number}}`);
      await refusedFor(answer, 'timeout_seconds');
    },
  );

  test.each(['agent', 'command'])('names a missing %s', async (field) => {
    await refusedFor(await post({ ...JOB, [field]: undefined }), field);
  });

  test('names every wrong field at once', async () => {
    const problem = await refused(await post({ agent: 1, command: '', workspace: '..', extra: PLANTED }));
    expect(fieldsOf(problem).toSorted()).toEqual(['agent', 'command', 'extra', 'workspace']);
  });

  test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])(
    'refuses an own field %s, which pollutes nothing',
    async (name) => {
      await refusedFor(await raw(`{"agent":"codex","command":"x","${name}":{"agent":"${PLANTED}"}}`), name);
      expect((await post(JOB)).status).toBe(202);
    },
  );

  test('keeps a label that is named like a part of every object, or refuses it by name', async () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const answer = await raw(`{"agent":"codex","command":"x","metadata":{"${name}":"kept"}}`);
      if (answer.status === 400) {
        expect(fieldsOf(await refused(answer))).toEqual([`metadata.${name}`]);
        continue;
      }
      expect(answer.status).toBe(202);
      const { job_id: jobId } = await answer.json();
      const text = await (await get(`/jobs/${jobId}`)).text();
      expect(text).toContain(`"metadata":{"${name}":"kept"}`);
    }
  });

  test('takes the last of a field that is given twice, as JSON does, and checks that one', async () => {
    await refusedFor(await raw(`{"agent":"codex","command":"x","command":""}`), 'command');
  });

  test.each([
    ['', 'is empty'],
    ['a b', 'has a blank'],
    ['ü', 'is not ASCII'],
    ['x'.repeat(256), 'is too long'],
  ])('refuses an Idempotency-Key that %s', async (key) => {
    await refusedFor(await post(JOB, { 'idempotency-key': key }), 'Idempotency-Key');
  });

  test('accepts a command of exactly 10,000 characters', async () => {
    expect((await post({ ...JOB, command: 'x'.repeat(10_000) })).status).toBe(202);
    expect((await post({ ...JOB, command: '\u0001'.repeat(10_000) })).status).toBe(202);
  });
});

describe('every route with a body', () => {
  const withBody = ROUTES.filter((route) => route.body !== undefined);

  test.each(withBody.map((route) => [route.operationId, route] as const))(
    '%s refuses an unknown field, a list, null, text, and too much',
    async (_, route) => {
      const path = route.path.replaceAll(/:(\w+)/g, (__, name: keyof World['params']) => world.params[name]);
      const send = (body: string, contentType = 'application/json'): Promise<Response> =>
        api.request(route.method, path, {
          key: world.apiKey,
          body,
          headers: { 'content-type': contentType },
        });
      const example = route.example ?? {};
      await refusedFor(await send(JSON.stringify({ ...example, nonsense: PLANTED })), 'nonsense');
      for (const body of ['[]', 'null', '1', `"${PLANTED}"`, '', '{']) await refused(await send(body));
      const text = JSON.stringify(example);
      await refused(await send(text, 'text/plain'), 415, 'unsupported_media_type');
      await refused(await send(text.padEnd(BODY_MAX_BYTES + 1)), 413, 'payload_too_large');
    },
  );

  test('answers a valid call, so that the refusals above mean something', async () => {
    const issue = ROUTES.find(({ operationId }) => operationId === 'issueApiKey');
    if (issue === undefined) throw new Error('no route issueApiKey');
    expect((await callRoute(api, issue, world.params, { key: world.apiKey })).status).toBe(201);
  });
});
