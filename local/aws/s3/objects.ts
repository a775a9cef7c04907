import { createHash } from 'node:crypto';
import { requireBucket } from './bucket-rows.ts';
import { type Call, emptyResponse, isoDate, quoted, type Store, xmlResponse } from './call.ts';
import {
  type Checksum,
  checksumElement,
  checksumHeader,
  computeChecksum,
  declaresDigest,
  verifyBody,
} from './checksums.ts';
import { requireWritable } from './conditions.ts';
import { invalidArgument, invalidRequest, malformedXml, noSuchKey, notImplemented } from './errors.ts';
import { takeObjectHeaders } from './object-headers.ts';
import { findObject, removeObject, replaceObject, type StoredObject } from './object-rows.ts';
import { childNames, children, childText, parseXml } from './xml.ts';

const DELETE_LIMIT = 1000;

export function putObject(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  const checksum = verifyBody(call.headers, call.body);
  requireWritable(call.headers, call.key, findObject(store.database, call.bucket, call.key));
  const object: StoredObject = {
    body: store.bodies.write(call.body),
    size: call.body.length,
    etag: createHash('md5').update(call.body).digest('hex'),
    modified: store.now(),
    headers: takeObjectHeaders(call.headers),
    checksum,
  };
  replaceObject(store, call.bucket, call.key, object);
  return emptyResponse(200, { etag: quoted(object.etag), ...checksumHeaders(checksum) });
}

/** The headers that report an object's checksum. */
export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** The XML members that report an object's checksum. */
export function checksumMembers(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumElement(checksum.algorithm)]: checksum.value, ChecksumType: checksum.type };
}

export function deleteObject(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  removeObject(store, call.bucket, call.key);
  return emptyResponse(204);
}

/** Deletes up to 1,000 keys in one transaction. Quiet leaves the successes out of the answer. */
export function deleteObjects(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  if (!declaresDigest(call.headers)) {
    throw invalidRequest('Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  }
  verifyBody(call.headers, call.body);
  const request = parseXml(call.body, 'Delete');
  const objects = children(request, 'Object');
  if (objects.length === 0 || objects.length > DELETE_LIMIT) {
    throw malformedXml(`1 to ${DELETE_LIMIT} objects are expected`);
  }
  const keys = objects.map((object) => {
    const other = childNames(object).find((name) => name !== 'Key');
    if (other !== undefined) throw notImplemented(`${other} in DeleteObjects`);
    const key = childText(object, 'Key');
    if (key === undefined || key === '') throw malformedXml('an object without a key');
    return key;
  });
  for (const key of keys) removeObject(store, call.bucket, key);
  const quiet = childText(request, 'Quiet') === 'true';
  return xmlResponse('DeleteResult', { Deleted: quiet ? [] : keys.map((key) => ({ Key: key })) });
}

/**
 * Copies an object, chunk by chunk. The copy of a multipart object is one object, so its ETag is the MD5
 * of its bytes and its checksum that of the whole.
 */
export function copyObject(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  const source = parseCopySource(call.headers.get('x-amz-copy-source') ?? '');
  const original = findCopySource(store, source);
  const replaces = replacesMetadata(call.headers.get('x-amz-metadata-directive'));
  if (!replaces && source.bucket === call.bucket && source.key === call.key) {
    throw invalidRequest(
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  requireWritable(call.headers, call.key, findObject(store.database, call.bucket, call.key));
  const copy: StoredObject = {
    ...copyBytes(store, original),
    modified: store.now(),
    headers: replaces ? takeObjectHeaders(call.headers) : original.headers,
  };
  replaceObject(store, call.bucket, call.key, copy);
  return xmlResponse('CopyObjectResult', {
    ETag: quoted(copy.etag),
    LastModified: isoDate(copy.modified),
    ...checksumMembers(copy.checksum),
  });
}

function copyBytes(
  { bodies }: Store,
  original: StoredObject,
): Pick<StoredObject, 'body' | 'size' | 'etag' | 'checksum'> {
  const md5 = createHash('md5');
  for (const chunk of bodies.chunks(original.body)) md5.update(chunk);
  const algorithm = original.checksum?.algorithm;
  return {
    body: bodies.writeAll(bodies.chunks(original.body)),
    size: original.size,
    etag: md5.digest('hex'),
    checksum:
      algorithm === undefined
        ? undefined
        : {
            algorithm,
            type: 'FULL_OBJECT',
            value: computeChecksum(algorithm, bodies.chunks(original.body)),
          },
  };
}

function findCopySource(store: Store, source: { bucket: string; key: string }): StoredObject {
  requireBucket(store, source.bucket);
  const object = findObject(store.database, source.bucket, source.key);
  if (object === undefined) throw noSuchKey(source.key);
  return object;
}

/** `bucket/key` or `/bucket/key`, URL-encoded; a version of an object cannot be copied. */
function parseCopySource(header: string): { bucket: string; key: string } {
  if (header.includes('?')) throw notImplemented('a versionId in x-amz-copy-source');
  const invalid = () =>
    invalidArgument(
      'x-amz-copy-source',
      header,
      'Copy Source must mention the source bucket and key: /sourcebucket/sourcekey',
    );
  let decoded: string;
  try {
    decoded = decodeURIComponent(header).replace(/^\//, '');
  } catch {
    throw invalid();
  }
  const slash = decoded.indexOf('/');
  if (slash < 1 || slash === decoded.length - 1) throw invalid();
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1) };
}

function replacesMetadata(directive: string | null): boolean {
  if (directive === null || directive === 'COPY') return false;
  if (directive === 'REPLACE') return true;
  throw invalidArgument('x-amz-metadata-directive', directive, 'Unknown metadata directive.');
}
