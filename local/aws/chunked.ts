import { AwsError } from './errors.ts';
import { EMPTY_SHA256, hmac, sameSignature, sha256Hex, UNSIGNED_PAYLOAD, type Verified } from './sigv4.ts';

/** A body as its client meant it, and the trailing headers that came after it. */
export type Payload = { readonly body: Uint8Array; readonly trailers: ReadonlyMap<string, string> };

const NO_TRAILERS: ReadonlyMap<string, string> = new Map();
const CRLF = Buffer.from('\r\n');

const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
const SIGNED_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/**
 * Takes an S3 body out of its aws-chunked framing where it has one, and checks each chunk's signature, the
 * trailers' signature and the declared decoded length. Checksums among the trailers are left to the service.
 * Source: S3 "Signature calculations: transferring payload in multiple chunks".
 */
export function readPayload(headers: Headers, raw: Uint8Array, verified: Verified): Payload {
  const form = verified.payloadHash;
  if (!form.startsWith('STREAMING-')) {
    if (form === UNSIGNED_PAYLOAD || /^[0-9a-f]{64}$/.test(form)) return { body: raw, trailers: NO_TRAILERS };
    throw new AwsError('InvalidRequest', `x-amz-content-sha256 is not a hash or a known form: ${form}`);
  }
  if (form !== SIGNED && form !== SIGNED_TRAILER && form !== UNSIGNED_TRAILER) {
    throw new AwsError('NotImplemented', `x-amz-content-sha256: ${form} is not implemented`, 400);
  }
  const payload = dechunk(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength), form, verified);
  const declared = headers.get('x-amz-decoded-content-length');
  if (declared === null) throw new AwsError('MissingContentLength', 'x-amz-decoded-content-length', 411);
  if (Number(declared) !== payload.body.byteLength) {
    throw incomplete(`${payload.body.byteLength} bytes came, ${declared} were declared`);
  }
  return payload;
}

function dechunk(raw: Buffer, form: string, verified: Verified): Payload {
  const signed = form !== UNSIGNED_TRAILER;
  const chunks: Buffer[] = [];
  let previous = verified.signature;
  let at = 0;
  for (;;) {
    const lineEnd = raw.indexOf(CRLF, at);
    if (lineEnd < 0) throw incomplete('a chunk has no header');
    const [, hex = '', signature] =
      /^([0-9a-fA-F]+)(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(raw.toString('latin1', at, lineEnd)) ?? [];
    if (hex === '') throw incomplete('a chunk header is malformed');
    const start = lineEnd + CRLF.length;
    const end = start + Number.parseInt(hex, 16);
    if (end > raw.length) throw incomplete('a chunk is cut short');
    const data = raw.subarray(start, end);
    if (signed) previous = verifyChunk(verified, previous, sha256Hex(data), signature);
    at = end;
    if (data.length === 0) break;
    if (!raw.subarray(at, at + CRLF.length).equals(CRLF)) throw incomplete('a chunk is longer than declared');
    at += CRLF.length;
    chunks.push(data);
  }
  const trailers = readTrailers(raw.toString('utf8', at));
  if (form === SIGNED_TRAILER) verifyTrailers(verified, previous, trailers);
  return { body: Buffer.concat(chunks), trailers };
}

function verifyChunk(
  verified: Verified,
  previous: string,
  hash: string,
  signature: string | undefined,
): string {
  const expected = sign(verified, 'AWS4-HMAC-SHA256-PAYLOAD', [previous, EMPTY_SHA256, hash]);
  if (signature === undefined || !sameSignature(expected, signature)) throw mismatch();
  return expected;
}

function verifyTrailers(verified: Verified, previous: string, trailers: ReadonlyMap<string, string>): void {
  const canonical = [...trailers]
    .filter(([name]) => name !== 'x-amz-trailer-signature')
    .map(([name, value]) => `${name}:${value}\n`)
    .join('');
  const expected = sign(verified, 'AWS4-HMAC-SHA256-TRAILER', [previous, sha256Hex(canonical)]);
  const signature = trailers.get('x-amz-trailer-signature');
  if (signature === undefined || !sameSignature(expected, signature)) throw mismatch();
}

function sign(verified: Verified, algorithm: string, rest: readonly string[]): string {
  return hmac(
    verified.signingKey,
    [algorithm, verified.timestamp, verified.scope, ...rest].join('\n'),
  ).toString('hex');
}

function readTrailers(text: string): ReadonlyMap<string, string> {
  const trailers = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return trailers;
}

const incomplete = (why: string): AwsError =>
  new AwsError(
    'IncompleteBody',
    `You did not provide the number of bytes specified by the HTTP header: ${why}.`,
  );

const mismatch = (): AwsError =>
  new AwsError(
    'SignatureDoesNotMatch',
    'A chunk signature we calculated does not match what you provided.',
    403,
  );
