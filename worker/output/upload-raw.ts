import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { describeError } from '../../shared/errors.ts';
import { persistently } from './uploader.ts';
import type { S3Writer } from './uploader.ts';

/** S3's smallest: one part is in memory at a time. */
const PART_BYTES = 5 * 1024 * 1024;
const CONTENT_TYPE = 'text/plain; charset=utf-8';

/**
 * Uploads the file as the object `key`, in parts when it is larger than one part. Repeats until it succeeds or
 * `signal` aborts. Throws LeaseLost when the lease is not held.
 */
export const uploadRaw = async (
  writer: S3Writer,
  key: string,
  path: string,
  bytes: number,
  signal: AbortSignal,
): Promise<void> => {
  const file = await open(path, 'r');
  try {
    if (bytes > PART_BYTES) await uploadParts(writer, key, file, bytes, signal);
    else await uploadWhole(writer, key, file, bytes, signal);
  } finally {
    await file.close();
  }
};

const uploadWhole = async (
  writer: S3Writer,
  key: string,
  file: FileHandle,
  bytes: number,
  signal: AbortSignal,
): Promise<void> => {
  const body = new Uint8Array(bytes);
  await readPart(file, 0, body);
  const command = new PutObjectCommand({
    Bucket: writer.store.bucket,
    Key: key,
    Body: body,
    ContentType: CONTENT_TYPE,
  });
  await persistently(writer, 'raw output', signal, (abortSignal) =>
    writer.store.s3.send(command, { abortSignal }),
  );
};

const uploadParts = async (
  writer: S3Writer,
  key: string,
  file: FileHandle,
  bytes: number,
  signal: AbortSignal,
): Promise<void> => {
  const { store } = writer;
  const target = { Bucket: store.bucket, Key: key };
  const { UploadId } = await persistently(writer, 'raw output', signal, (abortSignal) =>
    store.s3.send(new CreateMultipartUploadCommand({ ...target, ContentType: CONTENT_TYPE }), {
      abortSignal,
    }),
  );
  try {
    const parts: CompletedPart[] = [];
    const buffer = new Uint8Array(PART_BYTES);
    for (let offset = 0; offset < bytes; offset += PART_BYTES) {
      const PartNumber = parts.length + 1;
      const Body = buffer.subarray(0, Math.min(PART_BYTES, bytes - offset));
      await readPart(file, offset, Body);
      const part = new UploadPartCommand({ ...target, UploadId, PartNumber, Body });
      const { ETag } = await persistently(writer, 'raw output', signal, (abortSignal) =>
        store.s3.send(part, { abortSignal }),
      );
      parts.push({ PartNumber, ETag });
    }
    await persistently(writer, 'raw output', signal, (abortSignal) =>
      store.s3.send(
        new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: parts } }),
        { abortSignal },
      ),
    );
  } catch (error) {
    await abandonParts(writer, { ...target, UploadId });
    throw error;
  }
};

/** Frees the parts of a failed upload. What this misses, the bucket's lifecycle rule removes. */
const abandonParts = async (
  writer: S3Writer,
  upload: { Bucket: string; Key: string; UploadId: string | undefined },
): Promise<void> => {
  try {
    await writer.store.s3.send(new AbortMultipartUploadCommand(upload), {
      abortSignal: AbortSignal.timeout(1000),
    });
  } catch (error) {
    writer.log.warn('output.parts_left', describeError(error));
  }
};

/** Fills the part with what the file holds at `offset`. */
const readPart = async (file: FileHandle, offset: number, part: Uint8Array): Promise<void> => {
  const { bytesRead } = await file.read(part, 0, part.length, offset);
  const missing = part.length - bytesRead;
  if (missing > 0) throw new Error(`the raw output has ${missing} bytes less than written`);
};
