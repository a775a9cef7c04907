import { GetObjectCommand, PutObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import type { OutputStore } from './chunks.ts';
import { chunkKey } from './keys.ts';
import type { AttemptOutput, ChunkRange } from './keys.ts';

/** The key of this chunk already holds other bytes: two writers believe that they own the attempt. */
export class ChunkConflict extends Error {
  override readonly name = 'ChunkConflict';
}

/**
 * Writes a chunk once: it never changes after (PutObject with If-None-Match). A repetition after a lost reply
 * finds its own chunk and succeeds. Throws ChunkConflict when the key holds anything else; S3's errors pass.
 */
export const writeChunk = async (
  store: OutputStore,
  output: AttemptOutput,
  range: ChunkRange,
  body: Uint8Array,
  signal?: AbortSignal,
): Promise<void> => {
  const target = { Bucket: store.bucket, Key: chunkKey(output, range) };
  const options = signal === undefined ? {} : { abortSignal: signal };
  try {
    await store.s3.send(
      new PutObjectCommand({
        ...target,
        Body: body,
        IfNoneMatch: '*',
        ContentType: 'application/x-ndjson',
      }),
      options,
    );
  } catch (error) {
    if (!(error instanceof S3ServiceException) || error.name !== 'PreconditionFailed') throw error;
    const existing = await store.s3.send(new GetObjectCommand(target), options);
    const bytes = (await existing.Body?.transformToByteArray()) ?? new Uint8Array();
    if (!sameBytes(bytes, body)) throw new ChunkConflict(`another writer wrote ${target.Key}`);
  }
};

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, index) => byte === right[index]);
