import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { serveLocalS3 } from './local-s3.ts';

const scale = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

const local = serveLocalS3();
afterAll(local.stop);

type Listing = { prefix: string; delimiter: string; after: string; pageSize: number };

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The listing by definition: keys of the prefix, folded at the delimiter, ordered by bytes, after a name. */
function expectedEntries(keys: Iterable<string>, { prefix, delimiter, after }: Listing): string[] {
  const entries = new Set<string>();
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    entries.add(at === -1 ? `key ${key}` : `prefix ${key.slice(0, at + delimiter.length)}`);
  }
  const nameOf = (entry: string): string => entry.slice(entry.indexOf(' ') + 1);
  return [...entries]
    .filter((entry) => byBytes(nameOf(entry), after) > 0)
    .toSorted((a, b) => byBytes(nameOf(a), nameOf(b)) || byBytes(a, b));
}

/** The pages of S3 put together; within a page it answers keys and common prefixes apart. */
async function listedPages(s3: S3Client, Bucket: string, listing: Listing): Promise<string[][]> {
  const pages: string[][] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix: listing.prefix,
        Delimiter: listing.delimiter,
        StartAfter: listing.after,
        MaxKeys: listing.pageSize,
        ContinuationToken,
      }),
    );
    pages.push([
      ...(page.Contents ?? []).map((item) => `key ${item.Key}`),
      ...(page.CommonPrefixes ?? []).map((item) => `prefix ${item.Prefix}`),
    ]);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined && pages.length < 200);
  return pages;
}

const key = fc.string({
  unit: fc.constantFrom('a', 'b', '/', '-', 'é', '🙂', '\u{ffff}'),
  minLength: 1,
  maxLength: 5,
});
const path = key.filter((value) => !value.startsWith('/'));
const change = fc.record({ put: fc.boolean(), key: path });
const listing: fc.Arbitrary<Listing> = fc.record({
  prefix: fc.oneof(fc.constant(''), key),
  delimiter: fc.constantFrom('', '/', '-', 'a', '/a'),
  after: fc.oneof(fc.constant(''), key),
  pageSize: fc.constantFrom(1, 2, 3, 7, 1000),
});

test('listings agree with a model after any puts and deletes', async () => {
  let bucketNumber = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 25 }),
      fc.array(listing, { minLength: 1, maxLength: 4 }),
      async (changes, listings) => {
        const Bucket = `model-${++bucketNumber}`;
        await local.client.send(new CreateBucketCommand({ Bucket }));
        const model = new Set<string>();
        for (const { put, key: Key } of changes) {
          if (put) await local.client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
          else await local.client.send(new DeleteObjectCommand({ Bucket, Key }));
          if (put) model.add(Key);
          else model.delete(Key);
        }
        for (const wanted of listings) {
          const expected = expectedEntries(model, wanted);
          const pages = await listedPages(local.client, Bucket, wanted);
          const { pageSize } = wanted;
          const expectedPages = Array.from(
            { length: Math.max(1, Math.ceil(expected.length / pageSize)) },
            (_, page) => expected.slice(page * pageSize, (page + 1) * pageSize),
          );
          expect(pages.map((page) => page.toSorted())).toEqual(expectedPages.map((page) => page.toSorted()));
        }
      },
    ),
    { numRuns: 60 * scale },
  );
});
