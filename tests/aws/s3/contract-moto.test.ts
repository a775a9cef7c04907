import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, describe, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { type KnownDifference, S3_CONTRACT, testCases } from './contract.ts';
import { startMoto } from '../../harness/moto.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Where moto departs from AWS (moto 5.2); local AWS keeps all of these promises. */
const DIFFERENCES: KnownDifference[] = [
  {
    case: 'a bucket name that AWS would refuse is InvalidBucketName',
    why: 'moto accepts an address as a name',
  },
  {
    case: 'a new bucket is encrypted with AES256',
    why: 'moto has no default encryption; AWS has since January 2023',
  },
  {
    case: 'a new bucket blocks public access',
    why: 'moto has no default block; AWS has since April 2023',
  },
  {
    case: 'a range that makes no sense is ignored',
    why: 'moto reads a range of any unit as bytes',
  },
  {
    case: 'conditional reads answer 304 and 412',
    why: 'moto judges If-Unmodified-Since although If-Match holds',
  },
  {
    case: 'a checksum that does not match is BadDigest and nothing is stored',
    why: 'moto verifies no checksum',
  },
  {
    case: 'Content-MD5 is verified',
    why: 'moto verifies no Content-MD5',
  },
  {
    case: 'many keys are deleted at once, whatever characters they hold',
    why: 'moto fails with a 500 on a control character',
  },
  {
    case: 'a quiet deletion answers with nothing',
    why: 'moto ignores Quiet',
  },
  {
    case: 'a presigned URL reads an object with headers of its own choice',
    why: 'moto does not implement response-* overrides',
  },
  {
    case: 'more than 2 KB of metadata is MetadataTooLarge',
    why: 'moto has no limit',
  },
  {
    case: 'a key of 1,024 bytes is stored, a longer one is KeyTooLongError',
    why: 'moto counts no bytes',
  },
  {
    case: 'a token that S3 did not make is InvalidArgument',
    why: 'moto ignores an unknown token',
  },
  {
    case: 'nothing is visible before completion, and nothing after an abort',
    why: 'moto fails with a 500 on a part of an aborted upload',
  },
  {
    case: 'parts out of order are InvalidPartOrder',
    why: 'moto judges sizes before order',
  },
  {
    case: 'a part number outside 1 to 10,000 is InvalidArgument',
    why: 'moto answers NoSuchUpload',
  },
  {
    case: 'a composite SHA256 is that of the parts',
    why: 'moto answers without the checksum of the object',
  },
  {
    case: 'a CRC32 of the full object is verified on completion',
    why: 'moto verifies no checksum',
  },
];

const moto = await startMoto();
if (moto === undefined) {
  test.skip('S3 on moto: python3 -m moto.server is not installed', () => undefined);
} else {
  afterAll(moto.stop);
  const client = new S3Client({
    region: 'us-east-1',
    endpoint: moto.endpoint,
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    forcePathStyle: true,
    maxAttempts: 1,
  });
  describe('S3 on moto', () => {
    testCases(S3_CONTRACT, () => client, DIFFERENCES);
  });
}
