import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'bun:test';
import { BUCKET_CASES } from './bucket-cases.ts';
import type { Case } from './cases.ts';
import { LISTING_CASES } from './listing-cases.ts';
import { MULTIPART_CASES } from './multipart-cases.ts';
import { OBJECT_CASES } from './object-cases.ts';

/** A promise that a backend is known not to keep. Reviewed by hand; one that it keeps after all fails. */
export type KnownDifference = { readonly case: string; readonly why: string };

export const S3_CONTRACT: readonly Case[] = [
  ...BUCKET_CASES,
  ...OBJECT_CASES,
  ...LISTING_CASES,
  ...MULTIPART_CASES,
];

let buckets = 0;

/** Defines a test a case, each on a bucket of its own. */
export function testCases(
  cases: readonly Case[],
  client: () => S3Client,
  differences: readonly KnownDifference[] = [],
): void {
  for (const known of differences) {
    if (!cases.some((item) => item.name === known.case)) throw new Error(`no such case: ${known.case}`);
  }
  for (const { name, run } of cases) {
    const difference = differences.find((known) => known.case === name);
    const attempt = async () => {
      const bucket = `contract-${++buckets}-${crypto.randomUUID().slice(0, 8)}`;
      await client().send(new CreateBucketCommand({ Bucket: bucket }));
      await run(client(), bucket);
    };
    if (difference === undefined) test(name, attempt);
    else {
      test(`known difference: ${name} (${difference.why})`, async () => {
        const kept = await attempt().then(
          () => true,
          () => false,
        );
        expect(kept, 'the backend keeps this promise: remove the entry').toBe(false);
      });
    }
  }
}
