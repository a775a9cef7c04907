import { AwsError } from '../errors.ts';
import { type BucketRow, findBucket, requireBucket } from './bucket-rows.ts';
import { type Call, emptyResponse, isoDate, type Store, xmlResponse } from './call.ts';
import { verifyBody } from './checksums.ts';
import { storeDefaultConfigurations } from './configuration.ts';
import { childText, parseXml } from './xml.ts';

/** Where a bucket is when its creator names no location. */
const DEFAULT_REGION = 'us-east-1';

/** In us-east-1 creating one's own bucket again succeeds; elsewhere it is BucketAlreadyOwnedByYou. */
export function createBucket(store: Store, call: Call): Response {
  requireBucketName(call.bucket);
  verifyBody(call.headers, call.body);
  const location = requestedLocation(call.body);
  const existing = findBucket(store, call.bucket);
  if (existing !== undefined && (existing.location !== null || location !== undefined)) {
    throw new AwsError(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      409,
      { BucketName: call.bucket },
    );
  }
  if (existing === undefined) {
    store.database
      .query<never, [string, number, string | null]>(
        'INSERT INTO s3_bucket (name, created, location) VALUES (?, ?, ?)',
      )
      .run(call.bucket, store.now(), location ?? null);
    storeDefaultConfigurations(store, call.bucket);
  }
  return emptyResponse(200, { location: `/${call.bucket}` });
}

function requestedLocation(body: Uint8Array): string | undefined {
  if (body.length === 0) return undefined;
  return childText(parseXml(body, 'CreateBucketConfiguration'), 'LocationConstraint');
}

/** The naming rules of general purpose buckets that a local mistake could break in AWS. */
function requireBucketName(name: string): void {
  const wellFormed = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..');
  const addressLike = /^\d+\.\d+\.\d+\.\d+$/.test(name);
  if (wellFormed && !addressLike) return;
  throw new AwsError('InvalidBucketName', 'The specified bucket is not valid.', 400, { BucketName: name });
}

export function headBucket(store: Store, call: Call): Response {
  const { location } = requireBucket(store, call.bucket);
  return emptyResponse(200, { 'x-amz-bucket-region': location ?? DEFAULT_REGION });
}

/** @throws BucketNotEmpty while it has objects. Uploads in progress are given up with the bucket. */
export function deleteBucket(store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  const { database, bodies } = store;
  const object = database
    .query<{ found: number }, [string]>('SELECT 1 AS found FROM s3_object WHERE bucket = ? LIMIT 1')
    .get(call.bucket);
  if (object !== null) {
    throw new AwsError('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409, {
      BucketName: call.bucket,
    });
  }
  const parts = database
    .query<{ body: number }, [string]>(
      `DELETE FROM s3_part WHERE upload IN (SELECT id FROM s3_upload WHERE bucket = ?) RETURNING body`,
    )
    .all(call.bucket);
  for (const { body } of parts) bodies.discard(body);
  database.query<never, [string]>('DELETE FROM s3_upload WHERE bucket = ?').run(call.bucket);
  database.query<never, [string]>('DELETE FROM s3_bucket_configuration WHERE bucket = ?').run(call.bucket);
  database.query<never, [string]>('DELETE FROM s3_bucket WHERE name = ?').run(call.bucket);
  return emptyResponse(204);
}

export function listBuckets(store: Store): Response {
  const rows = store.database
    .query<BucketRow, []>('SELECT name, created, location FROM s3_bucket ORDER BY name')
    .all();
  return xmlResponse('ListAllMyBucketsResult', {
    Buckets: {
      Bucket: rows.map((row) => ({
        Name: row.name,
        CreationDate: isoDate(row.created),
        BucketRegion: row.location ?? DEFAULT_REGION,
      })),
    },
  });
}

/** S3 answers an empty element for us-east-1. */
export function getBucketLocation(store: Store, call: Call): Response {
  const { location } = requireBucket(store, call.bucket);
  return xmlResponse('LocationConstraint', location ?? '');
}
