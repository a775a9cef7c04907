import type { Database } from 'bun:sqlite';
import { requireBucket } from './bucket-rows.ts';
import { type Call, isoDate, quoted, type Store, xmlResponse } from './call.ts';
import { invalidArgument, notImplemented } from './errors.ts';

const MAX_KEYS = 1000;
const ROWS_AT_ONCE = 100;
const LAST_CHARACTER = '\u{10FFFF}';

type ListedObject = { key: string; size: number; etag: string; modified: number; checksum: string | null };

/** One entry of a listing: an object, or a common prefix that stands for all the keys it begins. */
type Entry = { name: string; object?: ListedObject };

/**
 * The listing of a bucket is the ordered set of its entries (UTF-8 byte order); `start-after` and a
 * continuation token both mean the entries that sort after a name. So a common prefix that sorts before
 * `start-after` is left out, even if some of its keys sort after it.
 */
export function listObjectsV2(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  const { query } = call;
  if (query.get('fetch-owner') === 'true') throw notImplemented('fetch-owner');
  const encode = keyEncoder(query.get('encoding-type'));
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const startAfter = query.get('start-after');
  const token = query.get('continuation-token');
  const maxKeys = parseLimit('max-keys', query.get('max-keys'), MAX_KEYS);
  const after = token === null ? (startAfter ?? '') : decodeToken(token);

  const page: Entry[] = [];
  let truncated = false;
  for (const entry of entriesAfter(store.database, call.bucket, prefix, delimiter, after)) {
    truncated = page.length >= maxKeys;
    if (truncated) break;
    page.push(entry);
  }
  const last = page.at(-1);
  const next = truncated && last !== undefined ? encodeToken(last.name) : undefined;
  return xmlResponse('ListBucketResult', {
    Name: call.bucket,
    Prefix: encode(prefix),
    Delimiter: delimiter === '' ? undefined : encode(delimiter),
    MaxKeys: maxKeys,
    EncodingType: query.get('encoding-type') ?? undefined,
    KeyCount: page.length,
    IsTruncated: next !== undefined,
    ContinuationToken: token ?? undefined,
    NextContinuationToken: next,
    StartAfter: startAfter === null ? undefined : encode(startAfter),
    Contents: page.flatMap(({ object }) => (object === undefined ? [] : [contents(object, encode)])),
    CommonPrefixes: page.flatMap(({ name, object }) =>
      object === undefined ? [{ Prefix: encode(name) }] : [],
    ),
  });
}

function contents(object: ListedObject, encode: (key: string) => string) {
  const checksum: { algorithm: string; type: string } | undefined =
    object.checksum === null ? undefined : JSON.parse(object.checksum);
  return {
    Key: encode(object.key),
    LastModified: isoDate(object.modified),
    ETag: quoted(object.etag),
    ChecksumAlgorithm: checksum?.algorithm,
    ChecksumType: checksum?.type,
    Size: object.size,
    StorageClass: 'STANDARD',
  };
}

/** Yields the entries after a name, seeking past a common prefix rather than reading all it stands for. */
function* entriesAfter(
  database: Database,
  bucket: string,
  prefix: string,
  delimiter: string,
  after: string,
): Generator<Entry> {
  const statement = database.query<ListedObject, [string, string, string, number]>(
    `SELECT key, size, etag, modified, checksum FROM s3_object
     WHERE bucket = ? AND key > ? AND key >= ? ORDER BY key LIMIT ?`,
  );
  let position = after;
  let lastPrefix = commonPrefixOf(after, prefix, delimiter);
  for (;;) {
    const rows = statement.all(bucket, position, prefix, ROWS_AT_ONCE);
    for (const object of rows) {
      if (!object.key.startsWith(prefix)) return;
      const commonPrefix = commonPrefixOf(object.key, prefix, delimiter);
      position = object.key;
      if (commonPrefix === undefined) yield { name: object.key, object };
      else if (commonPrefix !== lastPrefix) {
        lastPrefix = commonPrefix;
        yield { name: commonPrefix };
        position = `${commonPrefix}${LAST_CHARACTER}`;
        break;
      }
    }
    if (rows.length === 0) return;
  }
}

/** The part of a key up to the first delimiter after the listing's prefix, or undefined without one. */
function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

/** A limit between 0 and a maximum; more than the maximum means the maximum. */
export function parseLimit(name: string, value: string | null, maximum: number): number {
  if (value === null || value === '') return maximum;
  if (!/^\d{1,10}$/.test(value)) {
    throw invalidArgument(name, value, `Provided ${name} not an integer or within integer range`);
  }
  return Math.min(Number(value), maximum);
}

/** `url` encodes keys that XML 1.0 could not carry, as S3 does: like a form, but with slashes in clear. */
export function keyEncoder(encodingType: string | null): (key: string) => string {
  if (encodingType === null) return (key) => key;
  if (encodingType !== 'url') {
    throw invalidArgument('encoding-type', encodingType, 'Invalid Encoding Method specified in Request');
  }
  return (key) => encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+');
}

const TOKEN_PREFIX = 'after:';

const encodeToken = (name: string): string => Buffer.from(TOKEN_PREFIX + name).toString('base64url');

function decodeToken(token: string): string {
  const decoded = Buffer.from(token, 'base64url').toString();
  if (!decoded.startsWith(TOKEN_PREFIX)) {
    throw invalidArgument('continuation-token', token, 'The continuation token provided is incorrect');
  }
  return decoded.slice(TOKEN_PREFIX.length);
}
