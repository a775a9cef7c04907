import { describe, expect, test } from 'bun:test';
import { toAnswer, toStream } from '../../api/runtime/gateway-answer.ts';
import { GatewayEvent, toRequest } from '../../api/runtime/gateway-event.ts';
import { streamedAnswer } from './gateway-client.ts';

const event = (changes: Record<string, unknown> = {}): GatewayEvent =>
  GatewayEvent.assert({
    version: '2.0',
    rawPath: '/jobs',
    rawQueryString: '',
    headers: {},
    requestContext: {
      domainName: 'api.example.com',
      requestId: 'r',
      http: { method: 'POST', sourceIp: '192.0.2.7' },
    },
    isBase64Encoded: false,
    ...changes,
  });
const get = { requestContext: { ...event().requestContext, http: { method: 'GET', sourceIp: '192.0.2.7' } } };
const requestOf = (changes: Record<string, unknown>): Request =>
  toRequest(event(changes), new AbortController().signal);

describe('a request', () => {
  test('keeps a header’s commas: they part values only for some', () => {
    const request = requestOf({ headers: { 'if-modified-since': 'Mon, 23 Nov 2026 00:00:00 GMT' } });
    expect(request.headers.get('if-modified-since')).toBe('Mon, 23 Nov 2026 00:00:00 GMT');
  });

  test('keeps repeated query parameters, their order and their escapes', () => {
    const request = requestOf({ ...get, rawQueryString: 'a=1&a=2&b=%2B+x&empty=' });
    expect(request.url).toBe('https://api.example.com/jobs?a=1&a=2&b=%2B+x&empty=');
    expect(new URL(request.url).searchParams.getAll('a')).toEqual(['1', '2']);
  });

  test('has all cookies in one header', () => {
    expect(requestOf({ cookies: ['a=1', 'b=2; x'] }).headers.get('cookie')).toBe('a=1; b=2; x');
  });

  test('has the very bytes of a base64 body', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const request = requestOf({ body: Buffer.from(bytes).toString('base64'), isBase64Encoded: true });
    expect(new Uint8Array(await request.arrayBuffer())).toEqual(bytes);
  });

  test('has the text of a plain body', async () => {
    expect(await requestOf({ body: '{"command":"grüße"}' }).text()).toBe('{"command":"grüße"}');
  });

  test('has no body with GET, whatever the event says', () => {
    expect(requestOf({ ...get, body: 'x' }).body).toBeNull();
  });

  test.each([
    ['/jobs/a b', '/jobs/a%20b'],
    ['/jobs/a?b', '/jobs/a%3Fb'],
    ['/jobs/a#b', '/jobs/a%23b'],
    ['/jobs/a%2Fb', '/jobs/a%2Fb'],
    ['//evil.example/jobs', '//evil.example/jobs'],
  ])('stays on its path: %p', (rawPath, pathname) => {
    const url = new URL(requestOf({ ...get, rawPath }).url);
    expect(url.host).toBe('api.example.com');
    expect(url.pathname).toBe(pathname);
    expect(url.search).toBe('');
  });

  test('survives headers that HTTP does not know', () => {
    const request = requestOf({ headers: { 'bad name': 'x', 'x-text': 'grüße 😀', 'x-line': 'a\r\nb' } });
    expect([...request.headers.keys()].toSorted()).toEqual(['x-line', 'x-text']);
    expect(Buffer.from(request.headers.get('x-text') ?? '', 'latin1').toString('utf8')).toBe('grüße 😀');
    expect(request.headers.get('x-line')).toBe('a  b');
  });

  test('ends when the time is up', () => {
    const time = new AbortController();
    const request = toRequest(event(), time.signal);
    time.abort();
    expect(request.signal.aborted).toBe(true);
  });
});

describe('an answer', () => {
  const cookies = new Headers([
    ['content-type', 'application/json'],
    ['set-cookie', 'a=1; Expires=Mon, 23 Nov 2026 00:00:00 GMT'],
    ['set-cookie', 'b=2'],
    ['vary', 'origin'],
    ['vary', 'accept'],
  ]);

  test('keeps each cookie apart and joins other repeated headers', async () => {
    const answer = await toAnswer(new Response('{}', { headers: cookies }));
    expect(answer.cookies).toEqual(['a=1; Expires=Mon, 23 Nov 2026 00:00:00 GMT', 'b=2']);
    expect(answer.headers).toEqual({ 'content-type': 'application/json', vary: 'origin, accept' });
  });

  test.each([
    'application/json',
    'application/problem+json',
    'text/plain; charset=utf-8',
    'text/event-stream',
  ])('is text where it is %s', async (type) => {
    const answer = await toAnswer(new Response('grüße', { headers: { 'content-type': type } }));
    expect(answer).toMatchObject({ body: 'grüße', isBase64Encoded: false });
  });

  test.each([
    { 'content-type': 'image/png' },
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  ])('is base64 where it is %p', async (headers) => {
    const bytes = Uint8Array.from([0, 255, 128, 10]);
    const answer = await toAnswer(new Response(bytes, { headers: { ...headers } }));
    expect(answer.isBase64Encoded).toBe(true);
    expect([...Buffer.from(answer.body, 'base64')]).toEqual([...bytes]);
  });

  test('has an empty body with 204', async () => {
    expect(await toAnswer(new Response(null, { status: 204 }))).toMatchObject({ statusCode: 204, body: '' });
  });

  test('as a stream, is the head, eight zero bytes and the body', async () => {
    const { body } = toStream(new Response('data: 1\n\n', { status: 201, headers: cookies }));
    const bytes = Buffer.from(await new Response(body).arrayBuffer());
    const end = bytes.indexOf(Buffer.alloc(8));
    expect(JSON.parse(bytes.subarray(0, end).toString())).toMatchObject({
      statusCode: 201,
      cookies: ['a=1; Expires=Mon, 23 Nov 2026 00:00:00 GMT', 'b=2'],
    });
    expect(bytes.subarray(end + 8).toString()).toBe('data: 1\n\n');
  });

  test('as a stream without a body, is the head alone', async () => {
    const { body } = toStream(new Response(null, { status: 204 }));
    const answer = await streamedAnswer({ kind: 'answer', headers: new Headers(), body });
    expect(answer.status).toBe(204);
  });
});
