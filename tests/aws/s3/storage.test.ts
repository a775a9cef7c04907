import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Database } from 'bun:sqlite';
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBodies } from '../../../local/aws/s3/bodies.ts';
import { parseXml } from '../../../local/aws/s3/xml.ts';
import { MIB, patternedBytes, refusalOf } from './cases.ts';
import { serveLocalS3 } from './local-s3.ts';

const Bucket = 'storage';
const Key = 'k';
const local = serveLocalS3();
afterAll(local.stop);
await local.client.send(new CreateBucketCommand({ Bucket }));

function countRows(database: Database, table: string): number {
  return database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? -1;
}

test('a reader in the middle of a large object sees it whole while it is replaced and deleted', async () => {
  const old = patternedBytes(20 * MIB, 1);
  await local.client.send(new PutObjectCommand({ Bucket, Key, Body: old }));
  const got = await local.client.send(new GetObjectCommand({ Bucket, Key }));
  const reader = got.Body?.transformToWebStream().getReader();
  const first = await reader?.read();
  const chunks: Uint8Array[] = [first?.value];
  await local.client.send(new PutObjectCommand({ Bucket, Key, Body: 'new' }));
  await local.client.send(new DeleteObjectCommand({ Bucket, Key }));
  for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
    chunks.push(next.value);
  }
  expect(Buffer.concat(chunks).equals(old)).toBe(true);
});

test('bytes of replaced, deleted, aborted and completed uploads do not stay behind', async () => {
  const Body = patternedBytes(3 * MIB);
  await local.client.send(new PutObjectCommand({ Bucket, Key, Body }));
  await local.client.send(new PutObjectCommand({ Bucket, Key, Body }));
  await refusalOf(local.client.send(new PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' })));
  const { UploadId } = await local.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  await local.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 2, Body }));
  const part = await local.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body }));
  const Parts = [{ PartNumber: 1, ETag: part.ETag }];
  await local.client.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
  );
  expect(countRows(local.database, 's3_body')).toBe(1);
  expect(countRows(local.database, 's3_chunk')).toBe(3);
  await local.client.send(new DeleteObjectCommand({ Bucket, Key }));
  for (const table of ['s3_body', 's3_chunk', 's3_extent', 's3_part', 's3_upload']) {
    expect(countRows(local.database, table)).toBe(0);
  }
});

test('no row holds more than 1 MiB', async () => {
  await local.client.send(new PutObjectCommand({ Bucket, Key, Body: patternedBytes(2 * MIB + 1) }));
  const sizes = local.database
    .query<{ size: number }, []>('SELECT length(bytes) AS size FROM s3_chunk ORDER BY id')
    .all();
  expect(sizes.map((row) => row.size)).toEqual([MIB, MIB, 1]);
});

test('a stream that its client abandons lets go of the bytes', () => {
  const bodies = createBodies(local.database);
  const before = countRows(local.database, 's3_chunk');
  const body = bodies.write(patternedBytes(9 * MIB));
  const stream = bodies.read(body, 0, 9 * MIB);
  if (!(stream instanceof ReadableStream)) throw new Error('a large read is expected to stream');
  bodies.discard(body);
  bodies.collect();
  expect(countRows(local.database, 's3_chunk')).toBe(before + 9);
  return stream.cancel().then(() => expect(countRows(local.database, 's3_chunk')).toBe(before));
});

test('a document that its parser would change, or that is not one, is MalformedXML', () => {
  const key = (text: string) => parseXml(Buffer.from(`<Delete><Key>${text}</Key></Delete>`), 'Delete');
  expect(key(' a&amp;&#13;&#x0A; ')).toEqual({ Key: ' a&\r\n ' });
  for (const text of ['&#1;', '&#x1;', '&#0;', '<open>']) expect(() => key(text)).toThrow(/well-formed/);
  const documents = [
    '',
    '<Other/>',
    '<!DOCTYPE x [<!ENTITY e "v">]><Delete>&e;</Delete>',
    '<Delete>\xff</Delete>',
  ];
  for (const document of documents) {
    expect(() => parseXml(Buffer.from(document, 'latin1'), 'Delete')).toThrow(/well-formed/);
  }
});

test('objects, uploads and buckets outlive the process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-s3-'));
  try {
    const before = serveLocalS3(folder);
    const Body = patternedBytes(2 * MIB);
    await before.client.send(new CreateBucketCommand({ Bucket }));
    await before.client.send(new PutObjectCommand({ Bucket, Key, Body, Metadata: { a: 'b' } }));
    const { UploadId } = await before.client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'm' }));
    const upload = { Bucket, Key: 'm', UploadId, PartNumber: 1, Body };
    const { ETag } = await before.client.send(new UploadPartCommand(upload));
    await before.stop();

    const after = serveLocalS3(folder);
    const got = await after.client.send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Buffer.from(Body))).toBe(true);
    expect(got.Metadata).toEqual({ a: 'b' });
    const Parts = [{ PartNumber: 1, ETag }];
    await after.client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key: 'm', UploadId, MultipartUpload: { Parts } }),
    );
    await after.stop();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
