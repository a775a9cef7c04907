import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { expect } from 'bun:test';
import { createHash } from 'node:crypto';
import { type Case, MIB, patternedBytes, refusalOf } from './cases.ts';

const Key = 'multi/part';

async function begin(s3: S3Client, Bucket: string, options: object = {}): Promise<string> {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...options }));
  if (UploadId === undefined) throw new Error('no upload id');
  return UploadId;
}

async function upload(
  s3: S3Client,
  Bucket: string,
  UploadId: string,
  PartNumber: number,
  Body: Uint8Array,
): Promise<CompletedPart> {
  const part = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
  return { PartNumber, ...(part.ETag === undefined ? {} : { ETag: part.ETag }) };
}

function complete(
  s3: S3Client,
  Bucket: string,
  UploadId: string,
  Parts: CompletedPart[],
  options: object = {},
) {
  return s3.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...options }),
  );
}

export const MULTIPART_CASES: Case[] = [
  {
    name: 'parts become one object, in order, with the ETag of the parts',
    async run(s3, Bucket) {
      const bodies = [patternedBytes(5 * MIB, 1), patternedBytes(6 * MIB + 7, 2), patternedBytes(1000, 3)];
      const UploadId = await begin(s3, Bucket, { Metadata: { a: 'b' }, ContentType: 'text/plain' });
      const parts: CompletedPart[] = [];
      for (const [index, body] of bodies.entries()) {
        parts.push(await upload(s3, Bucket, UploadId, 2 * index + 1, body));
      }
      const done = await complete(s3, Bucket, UploadId, parts);
      const digests = bodies.map((body) => createHash('md5').update(body).digest());
      const expected = createHash('md5').update(Buffer.concat(digests)).digest('hex');
      expect(done.ETag).toBe(`"${expected}-3"`);
      const whole = Buffer.concat(bodies);
      const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
      expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(whole)).toBe(true);
      expect(got).toMatchObject({ Metadata: { a: 'b' }, ContentType: 'text/plain' });
      const seam = await s3.send(
        new GetObjectCommand({ Bucket, Key, Range: `bytes=${5 * MIB - 2}-${5 * MIB + 1}` }),
      );
      const bytes = await seam.Body?.transformToByteArray();
      expect(Buffer.from(bytes ?? [])).toEqual(whole.subarray(5 * MIB - 2, 5 * MIB + 2));
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
      expect(head.ContentLength).toBe(whole.length);
    },
  },
  {
    name: 'an object without a type is binary/octet-stream',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      await complete(s3, Bucket, UploadId, [await upload(s3, Bucket, UploadId, 1, Buffer.from('x'))]);
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
      expect(head.ContentType).toBe('binary/octet-stream');
    },
  },
  {
    name: 'a part uploaded again replaces the first, and parts not named are dropped',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      await upload(s3, Bucket, UploadId, 1, Buffer.from('old'));
      const again = await upload(s3, Bucket, UploadId, 1, Buffer.from('new'));
      await upload(s3, Bucket, UploadId, 2, Buffer.from('unused'));
      await complete(s3, Bucket, UploadId, [again]);
      const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
      expect(await got.Body?.transformToString()).toBe('new');
    },
  },
  {
    name: 'nothing is visible before completion, and nothing after an abort',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      const part = await upload(s3, Bucket, UploadId, 1, Buffer.from('x'));
      expect(await refusalOf(s3.send(new HeadObjectCommand({ Bucket, Key })))).toMatchObject({ status: 404 });
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      expect(await refusalOf(complete(s3, Bucket, UploadId, [part]))).toMatchObject({
        code: 'NoSuchUpload',
        status: 404,
      });
      expect(await refusalOf(upload(s3, Bucket, UploadId, 1, Buffer.from('x')))).toMatchObject({
        code: 'NoSuchUpload',
      });
    },
  },
  {
    name: 'a small part before the last is EntityTooSmall',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      const parts = [
        await upload(s3, Bucket, UploadId, 1, Buffer.from('small')),
        await upload(s3, Bucket, UploadId, 2, Buffer.from('last')),
      ];
      expect(await refusalOf(complete(s3, Bucket, UploadId, parts))).toMatchObject({
        code: 'EntityTooSmall',
        status: 400,
      });
    },
  },
  {
    name: 'a part that was not uploaded, or has another ETag, is InvalidPart',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      const part = await upload(s3, Bucket, UploadId, 1, Buffer.from('x'));
      expect(
        await refusalOf(complete(s3, Bucket, UploadId, [part, { PartNumber: 2, ETag: '"00"' }])),
      ).toMatchObject({ code: 'InvalidPart', status: 400 });
      expect(
        await refusalOf(complete(s3, Bucket, UploadId, [{ PartNumber: 1, ETag: `"${'0'.repeat(32)}"` }])),
      ).toMatchObject({ code: 'InvalidPart', status: 400 });
    },
  },
  {
    name: 'parts out of order are InvalidPartOrder',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      const first = await upload(s3, Bucket, UploadId, 1, patternedBytes(5 * MIB));
      const second = await upload(s3, Bucket, UploadId, 2, Buffer.from('y'));
      expect(await refusalOf(complete(s3, Bucket, UploadId, [second, first]))).toMatchObject({
        code: 'InvalidPartOrder',
        status: 400,
      });
    },
  },
  {
    name: 'a part number outside 1 to 10,000 is InvalidArgument',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      for (const number of [0, 10_001]) {
        expect(await refusalOf(upload(s3, Bucket, UploadId, number, Buffer.from('x')))).toMatchObject({
          code: 'InvalidArgument',
          status: 400,
        });
      }
    },
  },
  {
    name: 'completion honours If-None-Match and leaves the upload when it fails',
    async run(s3, Bucket) {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'first' }));
      const UploadId = await begin(s3, Bucket);
      const part = await upload(s3, Bucket, UploadId, 1, Buffer.from('second'));
      expect(await refusalOf(complete(s3, Bucket, UploadId, [part], { IfNoneMatch: '*' }))).toMatchObject({
        code: 'PreconditionFailed',
        status: 412,
      });
      await complete(s3, Bucket, UploadId, [part]);
      const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
      expect(await got.Body?.transformToString()).toBe('second');
    },
  },
  {
    name: 'parts are listed in pages',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      for (const number of [3, 1, 2])
        await upload(s3, Bucket, UploadId, number, Buffer.from(`part ${number}`));
      const first = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2 }));
      expect(first.Parts?.map((part) => part.PartNumber)).toEqual([1, 2]);
      expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2' });
      const PartNumberMarker = first.NextPartNumberMarker;
      const rest = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId, PartNumberMarker }));
      expect(rest.Parts?.map((part) => [part.PartNumber, part.Size])).toEqual([[3, 6]]);
      expect(rest.IsTruncated).toBe(false);
    },
  },
  {
    name: 'uploads in progress are listed by prefix',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'other' }));
      const all = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
      expect(all.Uploads?.map((item) => item.Key)).toEqual([Key, 'other']);
      const some = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'multi/' }));
      expect(some.Uploads?.map((item) => [item.Key, item.UploadId])).toEqual([[Key, UploadId]]);
    },
  },
  {
    name: 'uploads in progress are listed in pages',
    async run(s3, Bucket) {
      for (const key of ['x', 'x', 'y'])
        await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: key }));
      const seen: (string | undefined)[] = [];
      let markers = {};
      for (let more = true; more;) {
        const page = await s3.send(new ListMultipartUploadsCommand({ Bucket, MaxUploads: 1, ...markers }));
        for (const item of page.Uploads ?? []) seen.push(item.Key);
        markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
        more = page.IsTruncated === true && seen.length < 10;
      }
      expect(seen).toEqual(['x', 'x', 'y']);
    },
  },
  {
    name: 'a composite SHA256 is that of the parts',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket, { ChecksumAlgorithm: 'SHA256' });
      const Body = Buffer.from('only part');
      const { ETag, ChecksumSHA256 } = await s3.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body, ChecksumAlgorithm: 'SHA256' }),
      );
      const digest = createHash('sha256').update(Body).digest();
      expect(ChecksumSHA256).toBe(digest.toString('base64'));
      const done = await complete(s3, Bucket, UploadId, [{ PartNumber: 1, ETag, ChecksumSHA256 }]);
      expect(done.ChecksumSHA256).toBe(`${createHash('sha256').update(digest).digest('base64')}-1`);
    },
  },
  {
    name: 'a CRC32 of the full object is verified on completion',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket, { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
      const part = await upload(s3, Bucket, UploadId, 1, Buffer.from('hello'));
      const wrong = { ChecksumType: 'FULL_OBJECT', ChecksumCRC32: 'AAAAAA==' };
      expect(await refusalOf(complete(s3, Bucket, UploadId, [part], wrong))).toMatchObject({
        code: 'BadDigest',
      });
      const done = await complete(s3, Bucket, UploadId, [part], { ...wrong, ChecksumCRC32: 'NhCmhg==' });
      expect(done).toMatchObject({ ChecksumCRC32: 'NhCmhg==', ChecksumType: 'FULL_OBJECT' });
    },
  },
  {
    name: 'a copy of a multipart object has the MD5 of its bytes as ETag',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      await complete(s3, Bucket, UploadId, [await upload(s3, Bucket, UploadId, 1, Buffer.from('hello'))]);
      const CopySource = `${Bucket}/${Key}`;
      const copied = await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource }));
      expect(copied.CopyObjectResult?.ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    },
  },
];

/** What local AWS refuses by name, and AWS does not. */
export const MULTIPART_REFUSALS: Case[] = [
  {
    name: 'UploadPartCopy and checksums it cannot compute are refused by name',
    async run(s3, Bucket) {
      const UploadId = await begin(s3, Bucket);
      await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: 'x' }));
      const CopySource = `${Bucket}/source`;
      const copy = await refusalOf(
        s3.send(new UploadPartCopyCommand({ Bucket, Key, UploadId, PartNumber: 1, CopySource })),
      );
      expect(copy).toMatchObject({ code: 'NotImplemented', status: 400 });
      expect(copy.message).toContain('x-amz-copy-source');
      const checksum = await refusalOf(
        s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ChecksumCRC32C: 'AAAAAA==' })),
      );
      expect(checksum).toMatchObject({ code: 'NotImplemented', status: 400 });
      expect(checksum.message).toContain('crc32c');
    },
  },
];
