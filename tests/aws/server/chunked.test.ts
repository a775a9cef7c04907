import { describe, expect, test } from 'bun:test';
import { readPayload } from '../../../local/aws/chunked.ts';
import { AwsError } from '../../../local/aws/errors.ts';
import { verifySignature, type Verified } from '../../../local/aws/sigv4.ts';

// The example of "Signature calculations for the Authorization header: transferring payload in multiple
// chunks" in the S3 API reference: keys, date and all signatures are AWS's own.
const CREDENTIALS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const URL_OF_EXAMPLE = 'https://s3.amazonaws.com/examplebucket/chunkObject.txt';
const NOW = Date.UTC(2013, 4, 24);
const HEADERS = {
  host: 's3.amazonaws.com',
  'x-amz-date': '20130524T000000Z',
  'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'content-encoding': 'aws-chunked',
  'x-amz-decoded-content-length': '66560',
  'content-length': '66824',
  authorization:
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
    'SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;' +
    'x-amz-decoded-content-length;x-amz-storage-class,' +
    'Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
};
const CHUNKS = [
  { size: 65_536, signature: 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648' },
  { size: 1024, signature: '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497' },
  { size: 0, signature: 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9' },
];
const EXAMPLE = CHUNKS.map(
  ({ size, signature }) => `${size.toString(16)};chunk-signature=${signature}\r\n${'a'.repeat(size)}\r\n`,
).join('');

function decode(body: string, headers: Record<string, string> = {}): { body: string; trailers: object } {
  const request = new Request(URL_OF_EXAMPLE, { method: 'PUT', headers: HEADERS });
  const raw = Buffer.from(body);
  const verified = verifySignature(request, new URL(URL_OF_EXAMPLE), raw, 's3', CREDENTIALS, NOW);
  const payload = readPayload(new Headers({ ...HEADERS, ...headers }), raw, verified);
  return {
    body: Buffer.from(payload.body).toString(),
    trailers: Object.fromEntries(payload.trailers),
  };
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (cause) {
    if (cause instanceof AwsError) return cause.awsCode;
    throw cause;
  }
  return undefined;
}

describe('a body in signed chunks', () => {
  test('of the AWS documentation is verified and put together', () => {
    expect(Buffer.byteLength(EXAMPLE)).toBe(66_824);
    expect(decode(EXAMPLE).body).toBe('a'.repeat(66_560));
  });
  test('with a changed byte is SignatureDoesNotMatch', () => {
    expect(codeOf(() => decode(EXAMPLE.replace('aaaa', 'aaab')))).toBe('SignatureDoesNotMatch');
  });
  test('with an unsigned chunk is SignatureDoesNotMatch', () => {
    expect(codeOf(() => decode(EXAMPLE.replace(/;chunk-signature=0055\w+/, '')))).toBe(
      'SignatureDoesNotMatch',
    );
  });
  test('without its last chunk is IncompleteBody', () => {
    expect(codeOf(() => decode(EXAMPLE.slice(0, EXAMPLE.indexOf('0;chunk-signature=b6c6'))))).toBe(
      'IncompleteBody',
    );
  });
  test('of another length than declared is IncompleteBody', () => {
    const headers = { 'x-amz-decoded-content-length': '66561' };
    expect(codeOf(() => decode(EXAMPLE, headers))).toBe('IncompleteBody');
  });
});

describe('a body in unsigned chunks with a trailer', () => {
  const verified: Verified = {
    signingKey: Buffer.alloc(32),
    timestamp: '20130524T000000Z',
    scope: '20130524/us-east-1/s3/aws4_request',
    signature: '0'.repeat(64),
    payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  };
  const headers = new Headers({ 'x-amz-decoded-content-length': '11' });
  const read = (body: string): ReturnType<typeof readPayload> =>
    readPayload(headers, Buffer.from(body), verified);

  test('is put together, with its trailer', () => {
    const payload = read('5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n');
    expect(Buffer.from(payload.body).toString()).toBe('hello world');
    expect([...payload.trailers]).toEqual([['x-amz-checksum-crc32', 'DUoRhQ==']]);
  });
  test.each(['5\r\nhello world', '5\r\nhello\r\n', 'hello', 'ff\r\nhello world\r\n0\r\n\r\n'])(
    'that is malformed (%j) is IncompleteBody',
    (body) => {
      expect(codeOf(() => read(body))).toBe('IncompleteBody');
    },
  );
  test('in a form that is not known is refused by name', () => {
    const form = 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD';
    expect(codeOf(() => readPayload(headers, Buffer.from(''), { ...verified, payloadHash: form }))).toBe(
      'NotImplemented',
    );
  });
});
