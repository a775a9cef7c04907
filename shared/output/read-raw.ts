import { GetObjectCommand } from '@aws-sdk/client-s3';
import { eventId } from '../model/event.ts';
import type { JobEvent } from '../model/event.ts';
import type { OutputStore } from './chunks.ts';
import { readEvents } from './read-events.ts';
import type { ReadableJob } from './read-events.ts';

/** A job's raw output: what the agent wrote to stdout and stderr, redacted, in the order it arrived. */
export type RawOutput = {
  readonly body: ReadableStream<Uint8Array>;
  /** Null while the job runs: the length is not known before the output ends. */
  readonly length: number | null;
  /** Content-Range of a partial answer, else null. */
  readonly contentRange: string | null;
};

const PAGE_BYTES = 1024 * 1024;

/**
 * The raw output object at `location` (its key). `range` is an HTTP Range header; one that cannot be satisfied
 * throws S3's InvalidRange.
 */
export const readRawObject = async (
  store: OutputStore,
  location: string,
  range?: string,
): Promise<RawOutput> => {
  const object = await store.s3.send(
    new GetObjectCommand({
      Bucket: store.bucket,
      Key: location,
      ...(range === undefined ? {} : { Range: range }),
    }),
  );
  return {
    body: object.Body?.transformToWebStream() ?? new Blob().stream(),
    length: object.ContentLength ?? null,
    contentRange: object.ContentRange ?? null,
  };
};

/**
 * What the last attempt has written so far, from its events: for jobs that run, or that ended without a raw
 * object. The stream is produced page by page as it is read.
 */
export const readRawFromEvents = (
  store: OutputStore,
  job: ReadableJob,
  reread: () => Promise<ReadableJob | null>,
): RawOutput => {
  let current = job;
  let afterId = eventId(Math.max(1, job.attempt), 0);
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      // A pull that enqueues nothing is not repeated, so this one ends with a byte or with the stream.
      for (let sent = false; !sent;) {
        const page = await readEvents(store, current, reread, afterId, PAGE_BYTES);
        for (const event of page.events) {
          if (event.type !== 'stdout' && event.type !== 'stderr') continue;
          controller.enqueue(outputBytes(event));
          sent = true;
        }
        const fresh = page.state === 'more' ? await reread() : null;
        // A job that was claimed again meanwhile writes its output anew: what was sent ends here.
        if (fresh === null || fresh.attempt !== job.attempt) return controller.close();
        current = fresh;
        afterId = page.afterId;
      }
    },
  });
  return { body, length: null, contentRange: null };
};

/** The bytes that a stdout or stderr event carries. */
export const outputBytes = (event: Extract<JobEvent, { data: string }>): Uint8Array =>
  event.encoding === 'base64'
    ? Uint8Array.from(atob(event.data), (character) => character.charCodeAt(0))
    : new TextEncoder().encode(event.data);
