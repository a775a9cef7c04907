import { createHash, randomUUID } from 'node:crypto';
import { AwsError } from '../errors.ts';
import { requireBucket } from './bucket-rows.ts';
import { type Call, emptyResponse, quoted, type Store, xmlResponse } from './call.ts';
import {
  type Checksum,
  type ChecksumAlgorithm,
  checksumElement,
  checksumHeader,
  type ChecksumType,
  compositeChecksum,
  computeChecksum,
  declaredChecksum,
  expectChecksum,
  parseAlgorithm,
  verifyBody,
} from './checksums.ts';
import { requireWritable } from './conditions.ts';
import { invalidArgument, invalidRequest, malformedXml, noSuchUpload } from './errors.ts';
import { takeObjectHeaders } from './object-headers.ts';
import { findObject, replaceObject } from './object-rows.ts';
import { checksumMembers } from './objects.ts';
import { children, childText, parseXml } from './xml.ts';

const MAX_PART_NUMBER = 10_000;
/** Every part but the last has at least 5 MiB. */
const MIN_PART_BYTES = 5 * 1024 * 1024;

export type Upload = {
  id: string;
  headers: string;
  checksum_algorithm: ChecksumAlgorithm | null;
  checksum_type: ChecksumType | null;
};

export type Part = {
  number: number;
  body: number;
  size: number;
  etag: string;
  modified: number;
  checksum: string | null;
};

type ClaimedPart = { number: number; etag: string; checksum: string | undefined };

export function createMultipartUpload(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  const id = randomUUID();
  const named = call.headers.get('x-amz-checksum-algorithm');
  const algorithm = named === null ? null : parseAlgorithm(named);
  const type = algorithm === null ? null : uploadChecksumType(call.headers, algorithm);
  store.database
    .query<never, [string, string, string, number, string, string | null, string | null]>(
      `INSERT INTO s3_upload (id, bucket, key, started, headers, checksum_algorithm, checksum_type)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      id,
      call.bucket,
      call.key,
      store.now(),
      JSON.stringify(takeObjectHeaders(call.headers)),
      algorithm,
      type,
    );
  const response = xmlResponse('InitiateMultipartUploadResult', {
    Bucket: call.bucket,
    Key: call.key,
    UploadId: id,
  });
  if (algorithm !== null) response.headers.set('x-amz-checksum-algorithm', algorithm);
  if (type !== null) response.headers.set('x-amz-checksum-type', type);
  return response;
}

/** Only a CRC can be that of a full object, since S3 combines the parts' values. */
function uploadChecksumType(headers: Headers, algorithm: ChecksumAlgorithm): ChecksumType {
  const type = headers.get('x-amz-checksum-type')?.toUpperCase() ?? 'COMPOSITE';
  if (type === 'COMPOSITE' || (type === 'FULL_OBJECT' && algorithm === 'CRC32')) return type;
  throw invalidRequest(
    `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  );
}

/** @throws NoSuchUpload unless the upload is in progress for this bucket and key */
export function requireUpload(store: Store, call: Call): Upload {
  requireBucket(store, call.bucket);
  const id = call.query.get('uploadId') ?? '';
  const upload = store.database
    .query<Upload, [string, string, string]>(
      `SELECT id, headers, checksum_algorithm, checksum_type FROM s3_upload
       WHERE id = ? AND bucket = ? AND key = ?`,
    )
    .get(id, call.bucket, call.key);
  if (upload === null) throw noSuchUpload(id);
  return upload;
}

/** A part uploaded again replaces the earlier one. */
export function uploadPart(store: Store, call: Call): Response {
  const upload = requireUpload(store, call);
  const number = parsePartNumber(call.query.get('partNumber') ?? '');
  const declared = verifyBody(call.headers, call.body);
  const algorithm = upload.checksum_algorithm;
  if (declared !== undefined && algorithm !== null && declared.algorithm !== algorithm) {
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: ${declared.algorithm.toLowerCase()}`,
    );
  }
  const checksum = algorithm === null ? undefined : computeChecksum(algorithm, [call.body]);
  const etag = createHash('md5').update(call.body).digest('hex');
  discardParts(
    store,
    'DELETE FROM s3_part WHERE upload = ? AND number = ? RETURNING body',
    upload.id,
    number,
  );
  store.database
    .query<never, [string, number, number, number, string, number, string | null]>(
      `INSERT INTO s3_part (upload, number, body, size, etag, modified, checksum)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      upload.id,
      number,
      store.bodies.write(call.body),
      call.body.length,
      etag,
      store.now(),
      checksum ?? null,
    );
  const reported = algorithm !== null && checksum !== undefined ? { algorithm, value: checksum } : declared;
  return emptyResponse(200, {
    etag: quoted(etag),
    ...(reported === undefined ? {} : { [checksumHeader(reported.algorithm)]: reported.value }),
  });
}

export function abortMultipartUpload(store: Store, call: Call): Response {
  removeUpload(store, requireUpload(store, call).id);
  return emptyResponse(204);
}

/**
 * Makes one object of the parts named, in ascending order, by moving their bytes' rows; parts not named
 * are given up.
 * @throws MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall, PreconditionFailed, BadDigest
 */
export function completeMultipartUpload(store: Store, call: Call): Response {
  const upload = requireUpload(store, call);
  const claimed = parseClaimedParts(call.body, upload.checksum_algorithm);
  const parts = matchParts(claimed, partsOf(store, upload.id));
  requireWritable(call.headers, call.key, findObject(store.database, call.bucket, call.key));
  const body = store.bodies.join(parts.map((part) => part.body));
  const checksum = objectChecksum(store, upload, parts, body);
  const declared = declaredChecksum(call.headers);
  if (declared?.value !== undefined) {
    if (checksum?.algorithm !== declared.algorithm) {
      throw invalidRequest(`The upload was not created with the checksum ${declared.algorithm}.`);
    }
    expectChecksum(declared.algorithm, declared.value, checksum.value);
  }
  const digests = parts.map((part) => Buffer.from(part.etag, 'hex'));
  const etag = `${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${parts.length}`;
  replaceObject(store, call.bucket, call.key, {
    body,
    size: parts.reduce((total, part) => total + part.size, 0),
    etag,
    modified: store.now(),
    headers: JSON.parse(upload.headers),
    checksum,
  });
  // The bodies of the parts named became one above; what discards here are the others.
  removeUpload(store, upload.id);
  return xmlResponse('CompleteMultipartUploadResult', {
    Location: `/${call.bucket}/${call.key}`,
    Bucket: call.bucket,
    Key: call.key,
    ETag: quoted(etag),
    ...checksumMembers(checksum),
  });
}

export const partsOf = (store: Store, uploadId: string): Part[] =>
  store.database
    .query<Part, [string]>(
      'SELECT number, body, size, etag, modified, checksum FROM s3_part WHERE upload = ? ORDER BY number',
    )
    .all(uploadId);

function parseClaimedParts(body: Uint8Array, algorithm: ChecksumAlgorithm | null): ClaimedPart[] {
  const parts = children(parseXml(body, 'CompleteMultipartUpload'), 'Part').map((part) => ({
    number: parsePartNumber(childText(part, 'PartNumber') ?? ''),
    etag: (childText(part, 'ETag') ?? '').replaceAll('"', ''),
    checksum: algorithm === null ? undefined : childText(part, checksumElement(algorithm)),
  }));
  if (parts.length === 0) throw malformedXml('at least one part is expected');
  return parts;
}

function parsePartNumber(value: string): number {
  const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= MAX_PART_NUMBER) return number;
  throw invalidArgument(
    'partNumber',
    value,
    `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
  );
}

function matchParts(claimed: readonly ClaimedPart[], stored: readonly Part[]): Part[] {
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  let previous = 0;
  const matched = claimed.map((claim) => {
    if (claim.number <= previous) {
      throw new AwsError(
        'InvalidPartOrder',
        'The list of parts was not in ascending order. Parts must be ordered by part number.',
      );
    }
    previous = claim.number;
    const part = byNumber.get(claim.number);
    const sameChecksum = claim.checksum === undefined || claim.checksum === part?.checksum;
    if (part?.etag === claim.etag && sameChecksum) return part;
    throw new AwsError(
      'InvalidPart',
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
      400,
      { PartNumber: claim.number, ETag: claim.etag },
    );
  });
  const small = matched.slice(0, -1).find((part) => part.size < MIN_PART_BYTES);
  if (small === undefined) return matched;
  throw new AwsError('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', 400, {
    ProposedSize: small.size,
    MinSizeAllowed: MIN_PART_BYTES,
    PartNumber: small.number,
    ETag: small.etag,
  });
}

function objectChecksum(
  { bodies }: Store,
  upload: Upload,
  parts: readonly Part[],
  body: number,
): Checksum | undefined {
  const { checksum_algorithm: algorithm, checksum_type: type } = upload;
  if (algorithm === null || type === null) return undefined;
  const value =
    type === 'COMPOSITE'
      ? compositeChecksum(
          algorithm,
          parts.map((part) => part.checksum ?? ''),
        )
      : computeChecksum(algorithm, bodies.chunks(body));
  return { algorithm, type, value };
}

function removeUpload(store: Store, id: string): void {
  discardParts(store, 'DELETE FROM s3_part WHERE upload = ? RETURNING body', id);
  store.database.query<never, [string]>('DELETE FROM s3_upload WHERE id = ?').run(id);
}

/** Runs a DELETE of parts and discards their bodies. */
function discardParts(store: Store, statement: string, ...keys: (string | number)[]): void {
  const parts = store.database.query<{ body: number }, (string | number)[]>(statement).all(...keys);
  for (const { body } of parts) store.bodies.discard(body);
}
