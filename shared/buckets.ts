/** Outpost's buckets: job output, and the audit export. */
export const BUCKETS = ['output', 'audit-export'] as const;

export type BucketId = (typeof BUCKETS)[number];

/**
 * The physical name of a bucket. Bucket names are global across AWS accounts, so a deployment adds its
 * account id as `suffix`; on one machine there is none.
 */
export const bucketName = (bucket: BucketId, environment: string, suffix?: string): string =>
  ['outpost', bucket, environment, suffix].filter((part) => part !== undefined).join('-');
