import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { JobEvent } from '../model/event.ts';
import { chunkPrefix, chunksAfter, parseChunkKey } from './keys.ts';
import type { AttemptOutput, ChunkRange } from './keys.ts';

/** The bucket that holds jobs' output. */
export type OutputStore = { readonly s3: S3Client; readonly bucket: string };

export type Chunk = ChunkRange & { readonly key: string; readonly bytes: number };

/**
 * The chunks of an attempt that cover events after `afterId`, in order, as far as they join: the first one
 * covers `afterId + 1`, and each begins where the one before it ended. What lies behind a hole is not
 * yielded: it may only be read when the hole has been filled.
 */
export async function* contiguousChunks(
  store: OutputStore,
  output: AttemptOutput,
  afterId: number,
): AsyncGenerator<Chunk> {
  let position = afterId;
  let startAfter = chunksAfter(output, afterId);
  for (;;) {
    const page = await store.s3.send(
      new ListObjectsV2Command({
        Bucket: store.bucket,
        Prefix: chunkPrefix(output),
        StartAfter: startAfter,
      }),
    );
    for (const { Key: key = '', Size: bytes = 0 } of page.Contents ?? []) {
      const range = parseChunkKey(key);
      if (range === null || range.first > position + 1) return;
      yield { ...range, key, bytes };
      position = range.last;
      startAfter = key;
    }
    if (page.IsTruncated !== true) return;
  }
}

/** The events of one chunk, in order. Throws when the object is not what a worker writes. */
export const readChunk = async (store: OutputStore, chunk: Chunk): Promise<JobEvent[]> => {
  const object = await store.s3.send(new GetObjectCommand({ Bucket: store.bucket, Key: chunk.key }));
  const text = (await object.Body?.transformToString()) ?? '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JobEvent.assert(JSON.parse(line)));
};
