import { AwsError } from '../errors.ts';
import { requireBucket } from './bucket-rows.ts';
import { type Call, emptyResponse, httpDate, quoted, type Store } from './call.ts';
import { judgeRead } from './conditions.ts';
import { noSuchKey } from './errors.ts';
import { findObject, type StoredObject } from './object-rows.ts';
import { checksumHeaders } from './objects.ts';

/** Query parameters that replace a header of this answer. */
export const RESPONSE_OVERRIDES = [
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
];

type Range = { start: number; length: number };

/** An answer longer than 8 MiB is streamed and then has no Content-Length. */
export function getObject(store: Store, call: Call): Response {
  const answer = describe(store, call);
  if (answer.notModified) return emptyResponse(304, answer.headers);
  const { object, range, headers } = answer;
  const { start, length } = range ?? { start: 0, length: object.size };
  return new Response(store.bodies.read(object.body, start, length), {
    status: range === undefined ? 200 : 206,
    headers,
  });
}

export function headObject(store: Store, call: Call): Response {
  const { object, range, headers, notModified } = describe(store, call);
  if (notModified) return emptyResponse(304, headers);
  const length = range?.length ?? object.size;
  return emptyResponse(range === undefined ? 200 : 206, { ...headers, 'content-length': String(length) });
}

/** What GetObject and HeadObject share: the object, the range asked for, the headers of the answer. */
function describe(store: Store, call: Call) {
  requireBucket(store, call.bucket);
  const object = findObject(store.database, call.bucket, call.key);
  if (object === undefined) throw noSuchKey(call.key);
  const validators = { etag: quoted(object.etag), 'last-modified': httpDate(object.modified) };
  if (judgeRead(call.headers, object) === 'not modified') {
    return { object, range: undefined, headers: validators, notModified: true };
  }
  const range = parseRange(call.headers.get('range'), object.size);
  const headers: Record<string, string> = {
    'content-type': 'binary/octet-stream',
    ...object.headers,
    ...validators,
    'accept-ranges': 'bytes',
    ...requestedChecksum(call, object, range),
    ...overrides(call.query),
  };
  if (range !== undefined) {
    headers['content-range'] = `bytes ${range.start}-${range.start + range.length - 1}/${object.size}`;
  }
  return { object, range, headers, notModified: false };
}

/** The stored checksum is that of the whole object, so a part of it is answered without. */
function requestedChecksum(
  call: Call,
  object: StoredObject,
  range: Range | undefined,
): Record<string, string> {
  const asked = call.headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  return asked && range === undefined ? checksumHeaders(object.checksum) : {};
}

function overrides(query: URLSearchParams): Record<string, string> {
  const replaced: Record<string, string> = {};
  for (const name of RESPONSE_OVERRIDES) {
    const value = query.get(name);
    if (value !== null) replaced[name.slice('response-'.length)] = value;
  }
  return replaced;
}

/**
 * The three forms of a single byte range (`first-last`, `first-`, `-suffix`). A header that is not one
 * range is ignored, as RFC 9110 (section 14.2) allows and S3 does.
 * @throws InvalidRange when no byte of the object is in it
 */
function parseRange(header: string | null, size: number): Range | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (start >= end) {
    throw new AwsError('InvalidRange', 'The requested range is not satisfiable', 416, {
      RangeRequested: header ?? '',
      ActualObjectSize: size,
    });
  }
  return { start, length: end - start };
}
