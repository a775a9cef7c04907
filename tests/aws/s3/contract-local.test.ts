import { afterAll, describe } from 'bun:test';
import { BUCKET_REFUSALS } from './bucket-cases.ts';
import { S3_CONTRACT, testCases } from './contract.ts';
import { LISTING_REFUSALS } from './listing-cases.ts';
import { serveLocalS3 } from './local-s3.ts';
import { MULTIPART_REFUSALS } from './multipart-cases.ts';
import { OBJECT_REFUSALS } from './object-cases.ts';

const local = serveLocalS3();
afterAll(local.stop);

describe('S3 on local AWS', () => {
  testCases(S3_CONTRACT, () => local.client);
});

describe('S3 on local AWS refuses', () => {
  testCases(
    [...BUCKET_REFUSALS, ...OBJECT_REFUSALS, ...LISTING_REFUSALS, ...MULTIPART_REFUSALS],
    () => local.client,
  );
});
