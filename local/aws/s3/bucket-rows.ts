import type { Store } from './call.ts';
import { noSuchBucket } from './errors.ts';

export type BucketRow = {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** Null in us-east-1. */
  readonly location: string | null;
};

export function findBucket(store: Store, bucket: string): BucketRow | undefined {
  const row = store.database
    .query<BucketRow, [string]>('SELECT name, created, location FROM s3_bucket WHERE name = ?')
    .get(bucket);
  return row ?? undefined;
}

/** @throws NoSuchBucket */
export function requireBucket(store: Store, bucket: string): BucketRow {
  const row = findBucket(store, bucket);
  if (row === undefined) throw noSuchBucket(bucket);
  return row;
}
