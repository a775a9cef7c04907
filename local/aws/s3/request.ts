import { AwsError } from '../errors.ts';
import type { Call } from './call.ts';
import { invalidArgument, notImplemented } from './errors.ts';
import { isMetadataHeader } from './object-headers.ts';
import { type Level, type Operation, OPERATIONS } from './operations.ts';

const MAX_KEY_BYTES = 1024;

/** Query parameters of a presigned URL, which the server has verified, and the SDK's name of the call. */
const TRANSPORT_PARAMETERS = [
  'x-id',
  'x-amz-algorithm',
  'x-amz-content-sha256',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
];

/** Headers of the transfer and the signature, which mean nothing to an operation. */
const TRANSPORT_HEADERS = [
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-security-token',
  'x-amz-trailer',
  'x-amz-trailer-signature',
  'x-amz-user-agent',
];

/** Standard headers that change what an operation does; the rest is content or transport. */
const SEMANTIC_HEADERS = [
  'content-md5',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'range',
];

/**
 * Finds the operation of a request and what it works with.
 * @throws NotImplemented naming the method, the query parameter or the header that is not known
 */
export function parseRequest(
  request: Request,
  url: URL,
  body: Uint8Array,
): { operation: Operation; call: Call } {
  const { bucket, key } = parsePath(url.pathname);
  const { query, headers } = splitQuery(url.searchParams, request.headers);
  const level = levelOf(bucket, key);
  const operation = selectOperation(request.method, level, query, headers);
  refuseUnknown(operation, query, headers);
  return { operation, call: { bucket, key, query, headers, body } };
}

function levelOf(bucket: string, key: string): Level {
  if (key !== '') return 'object';
  return bucket === '' ? 'service' : 'bucket';
}

function parsePath(pathname: string): { bucket: string; key: string } {
  const slash = pathname.indexOf('/', 1);
  const end = slash === -1 ? pathname.length : slash;
  const bucket = decode(pathname.slice(1, end));
  const key = decode(pathname.slice(end + 1));
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new AwsError('KeyTooLongError', 'Your key is too long', 400, {
      Size: Buffer.byteLength(key),
      MaxSizeAllowed: MAX_KEY_BYTES,
    });
  }
  return { bucket, key };
}

function decode(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new AwsError('InvalidURI', "Couldn't parse the specified URI.");
  }
}

/** A presigned URL carries `x-amz-*` headers as query parameters: they count as headers. */
function splitQuery(parameters: URLSearchParams, received: Headers) {
  const query = new URLSearchParams();
  const headers = new Headers(received);
  for (const [name, value] of parameters) {
    const lower = name.toLowerCase();
    if (TRANSPORT_PARAMETERS.includes(lower)) continue;
    if (lower.startsWith('x-amz-')) headers.set(lower, value);
    else query.append(name, value);
  }
  return { query, headers };
}

function selectOperation(method: string, level: Level, query: URLSearchParams, headers: Headers): Operation {
  const found = OPERATIONS.find(
    (operation) =>
      operation.method === method &&
      operation.level === level &&
      operation.selectors.every((selector) => selects(selector, query)) &&
      (operation.selectingHeader === undefined || headers.has(operation.selectingHeader)),
  );
  if (found !== undefined) return found;
  const parameters = [...query.keys()].join(', ');
  throw notImplemented(
    `${method} of a ${level} ${parameters === '' ? 'without a parameter' : `with ${parameters}`}`,
  );
}

function selects(selector: string, query: URLSearchParams): boolean {
  const [name = '', value] = selector.split('=');
  return value === undefined ? query.has(name) : query.get(name) === value;
}

function refuseUnknown(operation: Operation, query: URLSearchParams, headers: Headers): void {
  const selecting = operation.selectors.map((selector) => selector.split('=')[0] ?? '');
  for (const name of query.keys()) {
    if (!selecting.includes(name) && !operation.parameters.includes(name)) {
      throw notImplemented(`the parameter ${name} of ${operation.name}`);
    }
    if (query.getAll(name).length > 1) throw invalidArgument(name, '', `${name} is given more than once`);
  }
  for (const name of headers.keys()) {
    if (isRefused(operation, name)) throw notImplemented(`the header ${name} of ${operation.name}`);
  }
}

function isRefused(operation: Operation, header: string): boolean {
  if (!header.startsWith('x-amz-') && !SEMANTIC_HEADERS.includes(header)) return false;
  if (TRANSPORT_HEADERS.includes(header) || header === operation.selectingHeader) return false;
  if (operation.metadata === true && isMetadataHeader(header)) return false;
  return !operation.headers.includes(header);
}
