import {
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { expect } from 'bun:test';
import { type Case, refusalOf } from './cases.ts';

const KEYS = ['a', 'a/1', 'a/2', 'a/b/1', 'b', 'c/1', 'd'];

async function putKeys(s3: S3Client, Bucket: string, keys: readonly string[]): Promise<void> {
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
}

async function listKeys(s3: S3Client, Bucket: string, options: object): Promise<[string[], string[]]> {
  const answer = await s3.send(new ListObjectsV2Command({ Bucket, ...options }));
  return [
    (answer.Contents ?? []).map((item) => item.Key ?? ''),
    (answer.CommonPrefixes ?? []).map((item) => item.Prefix ?? ''),
  ];
}

export const LISTING_CASES: Case[] = [
  {
    name: 'a listing is ordered by bytes and describes its objects',
    async run(s3, Bucket) {
      await putKeys(s3, Bucket, ['b', '\u{ffff}', '🙂', 'B', 'a']);
      const answer = await s3.send(new ListObjectsV2Command({ Bucket }));
      expect(answer.Contents?.map((item) => item.Key)).toEqual(['B', 'a', 'b', '\u{ffff}', '🙂']);
      expect(answer).toMatchObject({ Name: Bucket, KeyCount: 5, MaxKeys: 1000, IsTruncated: false });
      expect(answer.Contents?.[1]).toMatchObject({ Size: 1, ETag: '"0cc175b9c0f1b6a831c399e269772661"' });
    },
  },
  {
    name: 'prefix and delimiter fold keys into common prefixes',
    async run(s3, Bucket) {
      await putKeys(s3, Bucket, KEYS);
      expect(await listKeys(s3, Bucket, { Delimiter: '/' })).toEqual([
        ['a', 'b', 'd'],
        ['a/', 'c/'],
      ]);
      expect(await listKeys(s3, Bucket, { Prefix: 'a/', Delimiter: '/' })).toEqual([
        ['a/1', 'a/2'],
        ['a/b/'],
      ]);
      expect(await listKeys(s3, Bucket, { Prefix: 'a/b' })).toEqual([['a/b/1'], []]);
      expect(await listKeys(s3, Bucket, { Prefix: 'zz' })).toEqual([[], []]);
    },
  },
  {
    name: 'start-after seeks, with a key that need not exist',
    async run(s3, Bucket) {
      await putKeys(s3, Bucket, KEYS);
      expect(await listKeys(s3, Bucket, { StartAfter: 'a/2' })).toEqual([['a/b/1', 'b', 'c/1', 'd'], []]);
      expect(await listKeys(s3, Bucket, { StartAfter: 'a/3', Prefix: 'a/' })).toEqual([['a/b/1'], []]);
      expect(await listKeys(s3, Bucket, { StartAfter: 'a', Delimiter: '/' })).toEqual([
        ['b', 'd'],
        ['a/', 'c/'],
      ]);
    },
  },
  {
    name: 'pages follow one another without gap or repeat',
    async run(s3, Bucket) {
      await putKeys(s3, Bucket, KEYS);
      for (const MaxKeys of [1, 2, 3]) {
        const seen: string[] = [];
        let ContinuationToken: string | undefined;
        do {
          const page = await s3.send(
            new ListObjectsV2Command({ Bucket, Delimiter: '/', MaxKeys, ContinuationToken }),
          );
          expect(page.KeyCount).toBeLessThanOrEqual(MaxKeys);
          expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
          for (const item of page.Contents ?? []) seen.push(item.Key ?? '');
          for (const item of page.CommonPrefixes ?? []) seen.push(item.Prefix ?? '');
          ContinuationToken = page.NextContinuationToken;
        } while (ContinuationToken !== undefined);
        expect(seen.toSorted()).toEqual(['a', 'a/', 'b', 'c/', 'd']);
      }
    },
  },
  {
    name: 'encoding-type url encodes keys',
    async run(s3, Bucket) {
      await putKeys(s3, Bucket, ['a/ü&\u0001']);
      const answer = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
      expect(answer.EncodingType).toBe('url');
      expect(answer.Contents?.map((item) => item.Key)).toEqual(['a/%C3%BC%26%01']);
    },
  },
  {
    name: 'max-keys 0 is an empty page that is not truncated',
    async run(s3, Bucket) {
      await putKeys(s3, Bucket, ['a']);
      const answer = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
      expect(answer).toMatchObject({ KeyCount: 0, IsTruncated: false });
    },
  },
  {
    name: 'a token that S3 did not make is InvalidArgument',
    async run(s3, Bucket) {
      expect(
        await refusalOf(s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken: 'made-up' }))),
      ).toMatchObject({ code: 'InvalidArgument', status: 400 });
    },
  },
];

/** What local AWS refuses by name, and AWS does not. */
export const LISTING_REFUSALS: Case[] = [
  {
    name: 'version 1 of ListObjects and fetch-owner are refused',
    async run(s3, Bucket) {
      expect(await refusalOf(s3.send(new ListObjectsCommand({ Bucket })))).toMatchObject({
        code: 'NotImplemented',
      });
      const refusal = await refusalOf(s3.send(new ListObjectsV2Command({ Bucket, FetchOwner: true })));
      expect(refusal).toMatchObject({ code: 'NotImplemented', status: 400 });
      expect(refusal.message).toContain('fetch-owner');
    },
  },
];
