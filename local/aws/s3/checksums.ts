import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { AwsError } from '../errors.ts';
import { invalidRequest, notImplemented } from './errors.ts';

/** The algorithms local AWS computes; S3 also knows CRC32C, CRC64NVME and others, which are refused by name. */
export const CHECKSUM_ALGORITHMS = ['CRC32', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

/** COMPOSITE is the checksum of the parts' checksums; FULL_OBJECT that of the bytes. */
export type ChecksumType = 'COMPOSITE' | 'FULL_OBJECT';

/** A stored checksum, base64 (`-N` appended when composite, N being the number of parts). */
export type Checksum = { algorithm: ChecksumAlgorithm; type: ChecksumType; value: string };

export const checksumHeader = (algorithm: ChecksumAlgorithm): string =>
  `x-amz-checksum-${algorithm.toLowerCase()}`;

export const checksumElement = (algorithm: ChecksumAlgorithm): string => `Checksum${algorithm}`;

/** The headers that may carry a checksum of the request's body. */
export const CHECKSUM_HEADERS = CHECKSUM_ALGORITHMS.map(checksumHeader);

const DIGEST_BYTES: Record<ChecksumAlgorithm, number> = { CRC32: 4, SHA1: 20, SHA256: 32 };

/** @throws NotImplemented for an algorithm local AWS does not compute. */
export function parseAlgorithm(name: string): ChecksumAlgorithm {
  const found = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
  if (found === undefined) throw notImplemented(`the checksum algorithm ${name}`);
  return found;
}

/** The base64 checksum of a sequence of bytes. */
export function computeChecksum(algorithm: ChecksumAlgorithm, chunks: Iterable<Uint8Array>): string {
  if (algorithm === 'CRC32') {
    let value = 0;
    for (const chunk of chunks) value = crc32(chunk, value);
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(value);
    return digest.toString('base64');
  }
  const hash = createHash(algorithm.toLowerCase());
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('base64');
}

/** The checksum of a multipart object made of its parts' checksums. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly string[]): string {
  const digests = parts.map((part) => Buffer.from(part, 'base64'));
  return `${computeChecksum(algorithm, digests)}-${parts.length}`;
}

/**
 * Verifies a request body against what its headers declare and returns its checksum, if any is declared.
 * The algorithm may be named without a value (`x-amz-sdk-checksum-algorithm`, or a trailer that the
 * server has verified and removed): then the value is computed.
 * @throws BadDigest, InvalidDigest, InvalidRequest
 */
export function verifyBody(headers: Headers, body: Uint8Array): Checksum | undefined {
  verifyContentMd5(headers.get('content-md5'), body);
  const declared = declaredChecksum(headers);
  if (declared === undefined) return undefined;
  const value = computeChecksum(declared.algorithm, [body]);
  if (declared.value !== undefined) expectChecksum(declared.algorithm, declared.value, value);
  return { algorithm: declared.algorithm, type: 'FULL_OBJECT', value };
}

/** Whether the request says how to verify its body, as DeleteObjects demands. */
export const declaresDigest = (headers: Headers): boolean =>
  headers.has('content-md5') || declaredChecksum(headers) !== undefined;

/** @throws BadDigest when the sender's checksum differs from ours; InvalidRequest when it is none. */
export function expectChecksum(algorithm: ChecksumAlgorithm, declared: string, computed: string): void {
  if (Buffer.from(declared.replace(/-\d+$/, ''), 'base64').length !== DIGEST_BYTES[algorithm]) {
    throw invalidRequest(`Value for ${checksumHeader(algorithm)} header is invalid.`);
  }
  if (declared !== computed) {
    throw new AwsError('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  }
}

function verifyContentMd5(declared: string | null, body: Uint8Array): void {
  if (declared === null) return;
  if (Buffer.from(declared, 'base64').length !== 16) {
    throw new AwsError('InvalidDigest', 'The Content-MD5 you specified was invalid.');
  }
  if (createHash('md5').update(body).digest('base64') !== declared) {
    throw new AwsError('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
}

/** The algorithm (and value, when there is one) that the headers declare for the body or the object. */
export function declaredChecksum(
  headers: Headers,
): { algorithm: ChecksumAlgorithm; value?: string } | undefined {
  const values = CHECKSUM_ALGORITHMS.filter((algorithm) => headers.has(checksumHeader(algorithm)));
  if (values.length > 1) {
    throw invalidRequest(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const [algorithm] = values;
  const value = algorithm === undefined ? null : headers.get(checksumHeader(algorithm));
  if (algorithm !== undefined && value !== null) return { algorithm, value };
  const trailer = headers.get('x-amz-trailer')?.replace('x-amz-checksum-', '');
  const named = trailer ?? headers.get('x-amz-sdk-checksum-algorithm');
  return named === null || named === undefined ? undefined : { algorithm: parseAlgorithm(named.trim()) };
}
