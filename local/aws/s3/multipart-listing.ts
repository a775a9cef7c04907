import { requireBucket } from './bucket-rows.ts';
import { type Call, isoDate, quoted, type Store, xmlResponse } from './call.ts';
import { checksumElement } from './checksums.ts';
import { keyEncoder, parseLimit } from './listing.ts';
import { partsOf, requireUpload } from './multipart.ts';

const MAX_ITEMS = 1000;

type ListedUpload = { id: string; key: string; started: number };

export function listParts(store: Store, call: Call): Response {
  const upload = requireUpload(store, call);
  const maxParts = parseLimit('max-parts', call.query.get('max-parts'), MAX_ITEMS);
  const marker = parseLimit('part-number-marker', call.query.get('part-number-marker') ?? '0', 10_000);
  const remaining = partsOf(store, upload.id).filter((part) => part.number > marker);
  const page = remaining.slice(0, maxParts);
  const algorithm = upload.checksum_algorithm;
  return xmlResponse('ListPartsResult', {
    Bucket: call.bucket,
    Key: call.key,
    UploadId: upload.id,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number,
    MaxParts: maxParts,
    IsTruncated: remaining.length > page.length,
    ChecksumAlgorithm: algorithm ?? undefined,
    ChecksumType: upload.checksum_type ?? undefined,
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: isoDate(part.modified),
      ETag: quoted(part.etag),
      Size: part.size,
      ...(algorithm === null ? {} : { [checksumElement(algorithm)]: part.checksum ?? undefined }),
    })),
  });
}

/** Ordered by key, then by upload id; the markers continue after one upload. */
export function listMultipartUploads(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  const { query } = call;
  const encode = keyEncoder(query.get('encoding-type'));
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker');
  const maxUploads = parseLimit('max-uploads', query.get('max-uploads'), MAX_ITEMS);
  const remaining = store.database
    .query<ListedUpload, [string, string, string, string | null]>(
      `SELECT id, key, started FROM s3_upload
       WHERE bucket = ?1 AND substr(key, 1, length(?2)) = ?2
         AND (key > ?3 OR (key = ?3 AND ?4 IS NOT NULL AND id > ?4))
       ORDER BY key, id`,
    )
    .all(call.bucket, prefix, keyMarker, idMarker);
  const page = remaining.slice(0, maxUploads);
  const last = page.at(-1);
  const truncated = remaining.length > page.length;
  return xmlResponse('ListMultipartUploadsResult', {
    Bucket: call.bucket,
    Prefix: encode(prefix),
    KeyMarker: encode(keyMarker),
    UploadIdMarker: idMarker ?? '',
    NextKeyMarker: truncated && last !== undefined ? encode(last.key) : undefined,
    NextUploadIdMarker: truncated ? last?.id : undefined,
    EncodingType: query.get('encoding-type') ?? undefined,
    MaxUploads: maxUploads,
    IsTruncated: truncated,
    Upload: page.map((upload) => ({
      Key: encode(upload.key),
      UploadId: upload.id,
      StorageClass: 'STANDARD',
      Initiated: isoDate(upload.started),
    })),
  });
}
