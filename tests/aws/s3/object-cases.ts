import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { expect } from 'bun:test';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Case, MIB, patternedBytes, refusalOf } from './cases.ts';

const md5 = (bytes: Uint8Array | string, encoding: 'hex' | 'base64' = 'hex'): string =>
  createHash('md5').update(bytes).digest(encoding);

export const OBJECT_CASES: Case[] = [
  {
    name: 'an object returns its bytes, ETag, type and date',
    async run(s3, Bucket) {
      const put = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello' }));
      expect(put.ETag).toBe(`"${md5('hello')}"`);
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
      expect(await got.Body?.transformToString()).toBe('hello');
      expect(got).toMatchObject({ ETag: put.ETag, ContentLength: 5, AcceptRanges: 'bytes' });
      expect(Math.abs((got.LastModified?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    },
  },
  {
    name: 'user metadata and content headers come back from Get and Head',
    async run(s3, Bucket) {
      const headers = {
        ContentType: 'text/plain; charset=utf-8',
        ContentEncoding: 'gzip',
        ContentLanguage: 'de',
        ContentDisposition: 'attachment; filename="a.txt"',
        CacheControl: 'max-age=60',
        Metadata: { attempt: '2', 'sealed-seq': '1000000007' },
      };
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ...headers }));
      expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).toMatchObject({
        ...headers,
        ContentLength: 1,
      });
      expect(await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }))).toMatchObject(headers);
    },
  },
  {
    name: 'an empty object exists',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }));
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'empty' }));
      expect(await got.Body?.transformToString()).toBe('');
      expect(got.ContentLength).toBe(0);
    },
  },
  {
    name: 'keys with spaces, signs, slashes and any script survive',
    async run(s3, Bucket) {
      const keys = [
        'a b',
        'a+b',
        'a%20b',
        'q\'u"o<t>&e',
        'ü/日本/🙂',
        'trailing/',
        'double//slash',
        '~!*()=',
      ];
      for (const Key of keys) {
        await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
        const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
        expect(await got.Body?.transformToString()).toBe(Key);
      }
    },
  },
  {
    name: 'a body of many chunks comes back whole and in any range',
    async run(s3, Bucket) {
      const body = patternedBytes(9 * MIB + 12_345);
      await s3.send(new PutObjectCommand({ Bucket, Key: 'big', Body: body }));
      const whole = await s3.send(new GetObjectCommand({ Bucket, Key: 'big' }));
      expect(Buffer.from((await whole.Body?.transformToByteArray()) ?? [])).toEqual(Buffer.from(body));
      for (const [start, end] of [
        [0, 0],
        [MIB - 1, MIB],
        [MIB, 3 * MIB + 5],
        [9 * MIB, body.length - 1],
      ] as const) {
        const part = await s3.send(
          new GetObjectCommand({ Bucket, Key: 'big', Range: `bytes=${start}-${end}` }),
        );
        expect(part.ContentRange).toBe(`bytes ${start}-${end}/${body.length}`);
        const bytes = await part.Body?.transformToByteArray();
        expect(Buffer.from(bytes ?? [])).toEqual(Buffer.from(body.subarray(start, end + 1)));
      }
    },
  },
  {
    name: 'ranges from, to and of a suffix are cut to the object',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '0123456789' }));
      const expected = {
        'bytes=2-4': '234',
        'bytes=7-': '789',
        'bytes=-3': '789',
        'bytes=8-99': '89',
        'bytes=-99': '0123456789',
      };
      for (const [Range, text] of Object.entries(expected)) {
        const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k', Range }));
        expect(await got.Body?.transformToString()).toBe(text);
        expect(got.ContentLength).toBe(text.length);
        expect(got.$metadata.httpStatusCode).toBe(206);
      }
    },
  },
  {
    name: 'a range outside the object is InvalidRange',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '0123456789' }));
      await s3.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }));
      const of = (Key: string, Range: string) =>
        refusalOf(s3.send(new GetObjectCommand({ Bucket, Key, Range })));
      expect(await of('k', 'bytes=10-')).toMatchObject({ code: 'InvalidRange', status: 416 });
      expect(await of('empty', 'bytes=0-')).toMatchObject({ code: 'InvalidRange', status: 416 });
    },
  },
  {
    name: 'a range that makes no sense is ignored',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '0123456789' }));
      for (const Range of ['bytes=5-2', 'lines=1-2']) {
        const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k', Range }));
        expect(await got.Body?.transformToString()).toBe('0123456789');
      }
    },
  },
  {
    name: 'conditional reads answer 304 and 412',
    async run(s3, Bucket) {
      const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
      const past = new Date(Date.now() - 3_600_000);
      const future = new Date(Date.now() + 3_600_000);
      const status = async (conditions: Partial<ConstructorParameters<typeof GetObjectCommand>[0]>) => {
        const call = s3.send(new GetObjectCommand({ Bucket, Key: 'k', ...conditions }));
        return call.then(
          (got) => got.$metadata.httpStatusCode,
          async () => (await refusalOf(call)).status,
        );
      };
      expect(await status({ IfMatch: ETag })).toBe(200);
      expect(await status({ IfMatch: '"other"' })).toBe(412);
      expect(await status({ IfNoneMatch: ETag })).toBe(304);
      expect(await status({ IfNoneMatch: '"other"' })).toBe(200);
      expect(await status({ IfModifiedSince: past })).toBe(200);
      expect(await status({ IfUnmodifiedSince: past })).toBe(412);
      expect(await status({ IfUnmodifiedSince: future })).toBe(200);
      expect(await status({ IfMatch: ETag, IfUnmodifiedSince: past })).toBe(200);
      expect(await status({ IfNoneMatch: ETag, IfModifiedSince: past })).toBe(304);
    },
  },
  {
    name: 'a missing key is NoSuchKey, and NotFound to Head',
    async run(s3, Bucket) {
      expect(await refusalOf(s3.send(new GetObjectCommand({ Bucket, Key: 'none' })))).toMatchObject({
        code: 'NoSuchKey',
        status: 404,
      });
      expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key: 'none' })))).toMatchObject({
        code: 'NotFound',
        status: 404,
      });
    },
  },
  {
    name: 'If-None-Match: * creates once, If-Match replaces what it names',
    async run(s3, Bucket) {
      const first = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '1', IfNoneMatch: '*' }));
      expect(
        await refusalOf(s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '2', IfNoneMatch: '*' }))),
      ).toMatchObject({ code: 'PreconditionFailed', status: 412 });
      expect(
        await refusalOf(s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '2', IfMatch: '"other"' }))),
      ).toMatchObject({ code: 'PreconditionFailed', status: 412 });
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '3', IfMatch: first.ETag }));
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
      expect(await got.Body?.transformToString()).toBe('3');
    },
  },
  {
    name: 'If-Match on a key that does not exist is 404',
    async run(s3, Bucket) {
      expect(
        await refusalOf(s3.send(new PutObjectCommand({ Bucket, Key: 'none', Body: '2', IfMatch: '"x"' }))),
      ).toMatchObject({ status: 404 });
    },
  },
  {
    name: 'of concurrent creations exactly one wins',
    async run(s3, Bucket) {
      const puts = Array.from({ length: 10 }, (_, index) =>
        s3.send(new PutObjectCommand({ Bucket, Key: 'race', Body: String(index), IfNoneMatch: '*' })),
      );
      const outcomes = await Promise.allSettled(puts);
      const winners = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
      expect(winners).toHaveLength(1);
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'race' }));
      expect(await got.Body?.transformToString()).toBe(String(winners[0]));
    },
  },
  {
    name: 'the CRC32 that the SDK sends is stored and returned on request',
    async run(s3, Bucket) {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(crc32('hello'));
      const put = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello' }));
      expect(put.ChecksumCRC32).toBe(digest.toString('base64'));
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' }));
      expect(head.ChecksumCRC32).toBe(digest.toString('base64'));
    },
  },
  {
    name: 'SHA256 and SHA1 checksums are stored and returned',
    async run(s3, Bucket) {
      const sha256 = createHash('sha256').update('hello').digest('base64');
      const sha1 = createHash('sha1').update('hello').digest('base64');
      await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'hello', ChecksumAlgorithm: 'SHA256' }));
      await s3.send(new PutObjectCommand({ Bucket, Key: 'b', Body: 'hello', ChecksumAlgorithm: 'SHA1' }));
      const a = await s3.send(new HeadObjectCommand({ Bucket, Key: 'a', ChecksumMode: 'ENABLED' }));
      const b = await s3.send(new HeadObjectCommand({ Bucket, Key: 'b', ChecksumMode: 'ENABLED' }));
      expect([a.ChecksumSHA256, b.ChecksumSHA1]).toEqual([sha256, sha1]);
    },
  },
  {
    name: 'a checksum that does not match is BadDigest and nothing is stored',
    async run(s3, Bucket) {
      const wrong = Buffer.alloc(4, 7).toString('base64');
      expect(
        await refusalOf(s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ChecksumCRC32: wrong }))),
      ).toMatchObject({ code: 'BadDigest', status: 400 });
      expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key: 'k' })))).toMatchObject({
        status: 404,
      });
    },
  },
  {
    name: 'Content-MD5 is verified',
    async run(s3, Bucket) {
      const put = (ContentMD5: string) =>
        s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ContentMD5 }));
      await put(md5('x', 'base64'));
      expect(await refusalOf(put(md5('y', 'base64')))).toMatchObject({ code: 'BadDigest', status: 400 });
      expect(await refusalOf(put('bm90LWFuLW1kNQ=='))).toMatchObject({ code: 'InvalidDigest', status: 400 });
    },
  },
  {
    name: 'a body that streams in chunks is stored without its framing',
    async run(s3, Bucket) {
      const body = patternedBytes(300_000);
      const Body = Readable.from([body.subarray(0, 100_000), body.subarray(100_000)]);
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body, ContentLength: body.length }));
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
      expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(Buffer.from(body));
      expect(got.ContentEncoding ?? '').toBe('');
    },
  },
  {
    name: 'deleting is idempotent',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
      expect(await refusalOf(s3.send(new GetObjectCommand({ Bucket, Key: 'k' })))).toMatchObject({
        code: 'NoSuchKey',
      });
    },
  },
  {
    name: 'many keys are deleted at once, whatever characters they hold',
    async run(s3, Bucket) {
      const keys = ['plain', ' lead', 'a&b<c>', 'new\nline', 'return\r', '日本'];
      for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
      await s3.send(new PutObjectCommand({ Bucket, Key: 'stays', Body: 'x' }));
      const Objects = [...keys, 'was never there'].map((Key) => ({ Key }));
      const answer = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      expect(answer.Deleted?.map((item) => item.Key)).toEqual(Objects.map((item) => item.Key));
      for (const Key of keys) {
        expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({
          status: 404,
        });
      }
      await s3.send(new HeadObjectCommand({ Bucket, Key: 'stays' }));
    },
  },
  {
    name: 'a quiet deletion answers with nothing',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
      const Delete = { Objects: [{ Key: 'k' }], Quiet: true };
      const answer = await s3.send(new DeleteObjectsCommand({ Bucket, Delete }));
      expect(answer.Deleted ?? []).toEqual([]);
      expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key: 'k' })))).toMatchObject({
        status: 404,
      });
    },
  },
  {
    name: 'a copy has the bytes and metadata of its source, or metadata of its own',
    async run(s3, Bucket) {
      const Metadata = { from: 'source' };
      await s3.send(
        new PutObjectCommand({ Bucket, Key: 'a b/ü', Body: 'hello', Metadata, ContentType: 'text/x' }),
      );
      const CopySource = `${Bucket}/${encodeURIComponent('a b/ü')}`;
      const copied = await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource }));
      expect(copied.CopyObjectResult?.ETag).toBe(`"${md5('hello')}"`);
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'copy' }));
      expect(head).toMatchObject({ Metadata, ContentType: 'text/x', ContentLength: 5 });
      const own = { MetadataDirective: 'REPLACE' as const, Metadata: { mine: 'yes' }, ContentType: 'text/y' };
      await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `/${CopySource}`, ...own }));
      expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).toMatchObject({
        Metadata: { mine: 'yes' },
        ContentType: 'text/y',
      });
    },
  },
  {
    name: 'a copy of a missing key is NoSuchKey, of an object to itself InvalidRequest',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
      const copy = (Key: string, from: string) =>
        refusalOf(s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}` })));
      expect(await copy('k2', 'none')).toMatchObject({ code: 'NoSuchKey', status: 404 });
      expect(await copy('k', 'k')).toMatchObject({ code: 'InvalidRequest', status: 400 });
    },
  },
  {
    name: 'a presigned URL reads an object with headers of its own choice',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'out put', Body: 'hello', ContentType: 'text/x' }));
      const command = new GetObjectCommand({
        Bucket,
        Key: 'out put',
        ResponseContentDisposition: 'attachment; filename="out.txt"',
        ResponseContentType: 'text/plain',
        ResponseCacheControl: 'no-store',
      });
      const response = await fetch(await getSignedUrl(s3, command, { expiresIn: 60 }));
      expect(await response.text()).toBe('hello');
      expect(response.headers.get('content-disposition')).toBe('attachment; filename="out.txt"');
      expect(response.headers.get('content-type')).toBe('text/plain');
      expect(response.headers.get('cache-control')).toBe('no-store');
    },
  },
  {
    name: 'more than 2 KB of metadata is MetadataTooLarge',
    async run(s3, Bucket) {
      const Metadata = { large: 'x'.repeat(2048) };
      expect(
        await refusalOf(s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', Metadata }))),
      ).toMatchObject({ code: 'MetadataTooLarge', status: 400 });
    },
  },
  {
    name: 'a key of 1,024 bytes is stored, a longer one is KeyTooLongError',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k'.repeat(1024), Body: 'x' }));
      expect(
        await refusalOf(s3.send(new PutObjectCommand({ Bucket, Key: 'k'.repeat(1025), Body: 'x' }))),
      ).toMatchObject({ code: 'KeyTooLongError', status: 400 });
    },
  },
];

/** What local AWS refuses by name, and AWS does not. */
export const OBJECT_REFUSALS: Case[] = [
  {
    name: 'what would change the meaning of a call is refused by name',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
      const CopySource = `${Bucket}/k`;
      const refused: [Promise<unknown>, string][] = [
        [s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'k' })), 'tagging'],
        [s3.send(new GetObjectCommand({ Bucket, Key: 'k', VersionId: 'v' })), 'versionId'],
        [s3.send(new GetObjectCommand({ Bucket, Key: 'k', PartNumber: 1 })), 'partNumber'],
        [s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ACL: 'public-read' })), 'x-amz-acl'],
        [s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', Tagging: 'a=b' })), 'x-amz-tagging'],
        [
          s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', StorageClass: 'GLACIER' })),
          'x-amz-storage-class',
        ],
        [s3.send(new DeleteObjectCommand({ Bucket, Key: 'k', IfMatch: '"x"' })), 'if-match'],
        [
          s3.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource, CopySourceIfMatch: '"x"' })),
          'x-amz-copy-source-if-match',
        ],
        [
          s3.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource: `${CopySource}?versionId=v` })),
          'versionId',
        ],
        [s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', IfNoneMatch: '"x"' })), 'If-None-Match'],
      ];
      for (const [call, named] of refused) {
        const refusal = await refusalOf(call);
        expect(refusal).toMatchObject({ code: 'NotImplemented', status: 400 });
        expect(refusal.message).toContain(named);
      }
    },
  },
];
