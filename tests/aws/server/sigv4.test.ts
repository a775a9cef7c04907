import { SignatureV4 } from '@smithy/signature-v4';
import { createHash, createHmac } from 'node:crypto';
import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { createS3 } from '../../../local/aws/s3/s3.ts';
import { openDatabase } from '../../../local/aws/database.ts';
import { startServer } from '../../../local/aws/server.ts';
import { createSqs } from '../../../local/aws/sqs/sqs.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const CREDENTIALS = { accessKeyId: 'AKIALOCALTEST', secretAccessKey: 'a secret of the tests' };
const database = openDatabase(undefined);
const sqs = createSqs(database, Date.now, { endpoint: () => 'http://127.0.0.1' });
const server = startServer({
  port: 0,
  credentials: CREDENTIALS,
  services: [sqs],
  rest: createS3(database, Date.now),
  now: Date.now,
});
afterAll(async () => {
  await server.stop();
  database.close();
});

/** node:crypto in the shape the signer wants. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {
    throw new Error('the signer never resets');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}

type Wanted = {
  readonly service: 'sqs' | 's3';
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly credentials?: typeof CREDENTIALS;
  readonly signingDate?: Date;
};
type Signed = { readonly headers: Record<string, string>; readonly query: Record<string, unknown> };

const signer = (wanted: Wanted): SignatureV4 =>
  new SignatureV4({
    service: wanted.service,
    region: 'us-east-1',
    credentials: wanted.credentials ?? CREDENTIALS,
    sha256: Sha256,
    uriEscapePath: wanted.service !== 's3',
    applyChecksum: wanted.service === 's3',
  });

const unsigned = (wanted: Wanted) => ({
  method: wanted.method ?? 'POST',
  protocol: 'http:',
  hostname: '127.0.0.1',
  port: server.port,
  path: wanted.path ?? '/',
  query: {},
  headers: { host: `127.0.0.1:${server.port}`, ...wanted.headers },
  body: wanted.body,
});

/** Signed by the AWS SDK's own signer: an oracle that shares nothing with the server. */
async function sign(wanted: Wanted): Promise<Signed> {
  const { headers } = await signer(wanted).sign(unsigned(wanted), {
    signingDate: wanted.signingDate ?? new Date(),
  });
  return { headers, query: {} };
}

async function send(
  wanted: Wanted,
  signed: Signed,
  body = wanted.body,
): Promise<{ status: number; text: string }> {
  const query = new URLSearchParams(Object.entries(signed.query).map(([key, value]) => [key, String(value)]));
  const response = await fetch(
    `${server.endpoint}${wanted.path ?? '/'}${query.size > 0 ? `?${query}` : ''}`,
    {
      method: wanted.method ?? 'POST',
      headers: signed.headers,
      ...(body === undefined ? {} : { body }),
    },
  );
  return { status: response.status, text: await response.text() };
}

const LIST_QUEUES: Wanted = {
  service: 'sqs',
  headers: { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' },
  body: '{}',
};
const PUT_OBJECT: Wanted = { service: 's3', method: 'PUT', path: '/bucket/key', body: 'hello' };
const MINUTE = 60_000;
const ago = (minutes: number): Date => new Date(Date.now() - minutes * MINUTE);
const typeOf = ({ text }: { text: string }): string | undefined => {
  const body: Record<string, string> = JSON.parse(text);
  return body['__type']?.replace(/^.*#/, '');
};
const codeOf = ({ text }: { text: string }): string | undefined => /<Code>(\w+)<\/Code>/.exec(text)?.[1];

await send(
  { ...PUT_OBJECT, path: '/bucket', body: '' },
  await sign({ ...PUT_OBJECT, path: '/bucket', body: '' }),
);

describe('a JSON call', () => {
  test('with a good signature is served', async () => {
    expect(await send(LIST_QUEUES, await sign(LIST_QUEUES))).toEqual({
      status: 200,
      text: '{"QueueUrls":[]}',
    });
  });
  test('whose body was changed after signing is InvalidSignatureException', async () => {
    const answer = await send(LIST_QUEUES, await sign(LIST_QUEUES), '{"MaxResults":1}');
    expect([answer.status, typeOf(answer)]).toEqual([400, 'InvalidSignatureException']);
  });
  test('whose target was changed after signing is InvalidSignatureException', async () => {
    const signed = await sign(LIST_QUEUES);
    const headers = { ...signed.headers, 'x-amz-target': 'AmazonSQS.PurgeQueue' };
    expect(typeOf(await send(LIST_QUEUES, { ...signed, headers }))).toBe('InvalidSignatureException');
  });
  test('with another secret is InvalidSignatureException', async () => {
    const wanted = { ...LIST_QUEUES, credentials: { ...CREDENTIALS, secretAccessKey: 'another secret' } };
    expect(typeOf(await send(wanted, await sign(wanted)))).toBe('InvalidSignatureException');
  });
  test('with another key id is UnrecognizedClientException', async () => {
    const wanted = { ...LIST_QUEUES, credentials: { ...CREDENTIALS, accessKeyId: 'AKIAOTHER' } };
    expect(typeOf(await send(wanted, await sign(wanted)))).toBe('UnrecognizedClientException');
  });
  test('without a signature is MissingAuthenticationTokenException', async () => {
    const answer = await send(LIST_QUEUES, { headers: LIST_QUEUES.headers ?? {}, query: {} });
    expect(typeOf(answer)).toBe('MissingAuthenticationTokenException');
  });
  test('with half a signature is IncompleteSignatureException', async () => {
    const headers = { ...LIST_QUEUES.headers, authorization: 'AWS4-HMAC-SHA256 Credential=x' };
    expect(typeOf(await send(LIST_QUEUES, { headers, query: {} }))).toBe('IncompleteSignatureException');
  });
  test('signed for another service is refused', async () => {
    const signed = await signer({ service: 's3' }).sign(unsigned(LIST_QUEUES));
    expect(typeOf(await send(LIST_QUEUES, { headers: signed.headers, query: {} }))).toBe(
      'IncompleteSignatureException',
    );
  });
  test.each([16, -16])('signed %d minutes ago is InvalidSignatureException', async (minutes) => {
    const wanted = { ...LIST_QUEUES, signingDate: ago(minutes) };
    expect(typeOf(await send(wanted, await sign(wanted)))).toBe('InvalidSignatureException');
  });
  test.each([14, -14])('signed %d minutes ago is served', async (minutes) => {
    const wanted = { ...LIST_QUEUES, signingDate: ago(minutes) };
    expect((await send(wanted, await sign(wanted))).status).toBe(200);
  });
  test('of an unknown operation names it', async () => {
    const wanted = { ...LIST_QUEUES, headers: { 'x-amz-target': 'AmazonSQS.Frobnicate' } };
    const answer = await send(wanted, await sign(wanted));
    expect([answer.status, typeOf(answer)]).toEqual([400, 'UnknownOperationException']);
    expect(answer.text).toContain('AmazonSQS.Frobnicate');
  });
  test('of an unknown service names it', async () => {
    const wanted = { ...LIST_QUEUES, headers: { 'x-amz-target': 'AWSEvents.PutEvents' } };
    const answer = await send(wanted, await sign(wanted));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('AWSEvents.PutEvents');
  });
  test('with an unknown parameter names it', async () => {
    const wanted = { ...LIST_QUEUES, body: '{"Frob":1}' };
    const answer = await send(wanted, await sign(wanted));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('Frob');
  });
  test('that is not JSON is SerializationException', async () => {
    const wanted = { ...LIST_QUEUES, body: '{' };
    expect(typeOf(await send(wanted, await sign(wanted)))).toBe('SerializationException');
  });
});

describe('an S3 call', () => {
  test('with a good signature is served, whatever its key holds', async () => {
    const wanted = { ...PUT_OBJECT, path: '/bucket/a%20b/%C3%A9%2B%27%28x%29%21%2A' };
    expect((await send(wanted, await sign(wanted))).status).toBe(200);
  });
  test('whose body was changed is XAmzContentSHA256Mismatch', async () => {
    const answer = await send(PUT_OBJECT, await sign(PUT_OBJECT), 'HELLO');
    expect([answer.status, codeOf(answer)]).toEqual([400, 'XAmzContentSHA256Mismatch']);
  });
  test('with another secret is SignatureDoesNotMatch', async () => {
    const wanted = { ...PUT_OBJECT, credentials: { ...CREDENTIALS, secretAccessKey: 'another secret' } };
    const answer = await send(wanted, await sign(wanted));
    expect([answer.status, codeOf(answer)]).toEqual([403, 'SignatureDoesNotMatch']);
  });
  test('with another key id is InvalidAccessKeyId', async () => {
    const wanted = { ...PUT_OBJECT, credentials: { ...CREDENTIALS, accessKeyId: 'AKIAOTHER' } };
    expect(codeOf(await send(wanted, await sign(wanted)))).toBe('InvalidAccessKeyId');
  });
  test('without a signature is AccessDenied', async () => {
    const answer = await send(PUT_OBJECT, { headers: {}, query: {} });
    expect([answer.status, codeOf(answer)]).toEqual([403, 'AccessDenied']);
  });
  test('signed 16 minutes ago is RequestTimeTooSkewed', async () => {
    const wanted = { ...PUT_OBJECT, signingDate: ago(16) };
    expect(codeOf(await send(wanted, await sign(wanted)))).toBe('RequestTimeTooSkewed');
  });
  test('with an unsigned payload is served', async () => {
    const wanted = { ...PUT_OBJECT, headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } };
    expect((await send(wanted, await sign(wanted), 'anything')).status).toBe(200);
  });
});

describe('a presigned URL', () => {
  const GET: Wanted = { service: 's3', method: 'GET', path: '/bucket/key' };
  const UNSIGNED = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
  const presign = async (expiresIn: number, signingDate: Date): Promise<Signed> => {
    const { query } = await signer(GET).presign(unsigned({ ...GET, headers: UNSIGNED }), {
      expiresIn,
      signingDate,
    });
    return { headers: {}, query: query ?? {} };
  };
  test('is served until it expires', async () => {
    await send(PUT_OBJECT, await sign(PUT_OBJECT));
    expect(await send(GET, await presign(3600, ago(59)))).toEqual({ status: 200, text: 'hello' });
    const late = await send(GET, await presign(3600, ago(61)));
    expect([late.status, codeOf(late)]).toEqual([403, 'AccessDenied']);
  });
  test('whose life was stretched is SignatureDoesNotMatch', async () => {
    const { query } = await presign(60, ago(2));
    const stretched = { headers: {}, query: { ...query, 'X-Amz-Expires': '3600' } };
    expect(codeOf(await send(GET, stretched))).toBe('SignatureDoesNotMatch');
  });
  test('is not served for another object', async () => {
    const other = { ...GET, path: '/bucket/other' };
    expect(codeOf(await send(other, await presign(60, new Date())))).toBe('SignatureDoesNotMatch');
  });
});

describe('GET /health', () => {
  test('needs no signature', async () => {
    const response = await fetch(`${server.endpoint}/health`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  });
  test('and the admin routes are not there unless turned on', async () => {
    const response = await fetch(`${server.endpoint}/_outpost/faults`);
    expect(response.status).toBe(403);
  });
});
