import pRetry, { AbortError } from 'p-retry';
import type { Log } from '../../shared/log.ts';
import { describeError } from '../../shared/errors.ts';
import type { OutputStore } from '../../shared/output/chunks.ts';
import type { AttemptOutput } from '../../shared/output/keys.ts';
import { ChunkConflict, writeChunk } from '../../shared/output/write-chunk.ts';
import type { ChunkSpool } from './chunk-spool.ts';

/** One request may hang this long before it is given up and repeated. */
const REQUEST_TIMEOUT_MS = 20_000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;

export type S3Writer = {
  readonly store: OutputStore;
  /** Asked before every write; once it says no, nothing is written any more. */
  readonly isLeaseHeld: () => boolean;
  readonly log: Log;
};

/** The attempt is no longer this worker's to write. */
class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/**
 * Repeats an S3 write with back-off until it succeeds or `signal` aborts. Throws LeaseLost when the lease is
 * not held, and ChunkConflict at once: it means the same.
 */
export const persistently = <T>(
  writer: S3Writer,
  what: string,
  signal: AbortSignal,
  write: (signal: AbortSignal) => Promise<T>,
): Promise<T> =>
  pRetry(
    () => {
      if (!writer.isLeaseHeld()) throw new AbortError(new LeaseLost('the lease is not held'));
      return write(AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]));
    },
    {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: FIRST_RETRY_MS,
      maxTimeout: LONGEST_RETRY_MS,
      randomize: true,
      signal,
      shouldRetry: ({ error }) => !(error instanceof ChunkConflict),
      onFailedAttempt: ({ error, attemptNumber }) => {
        writer.log.warn('output.write_failed', {
          what,
          attempt_number: attemptNumber,
          ...describeError(error),
        });
      },
    },
  );

export type Uploader = {
  /** A chunk was added to the spool. */
  wake(): void;
  /** Resolves when the spool is empty, or nothing more will be written. */
  idle(): Promise<void>;
  /** The last event id that S3 has acknowledged, or null. */
  lastWritten(): number | null;
  /** The lease was lost: nothing more will be written. */
  isFenced(): boolean;
};

/** Writes the spool's chunks to S3, one after the other in order, until `signal` aborts. */
export const startUploader = (
  writer: S3Writer,
  output: AttemptOutput,
  spool: ChunkSpool,
  signal: AbortSignal,
): Uploader => {
  let lastWritten: number | null = null;
  let fenced = false;
  let stopped = false;
  let running: Promise<void> | null = null;

  const drain = async (): Promise<void> => {
    for (let chunk = spool.first(); chunk !== null; chunk = spool.first()) {
      const { range, body } = chunk;
      await persistently(writer, 'chunk', signal, (request) =>
        writeChunk(writer.store, output, range, body, request),
      );
      lastWritten = range.last;
      spool.removeFirst();
    }
  };

  const run = async (): Promise<void> => {
    try {
      await drain();
    } catch (error) {
      stopped = true;
      fenced = error instanceof LeaseLost || error instanceof ChunkConflict;
      writer.log.warn('output.stopped', { fenced, out_of_time: signal.aborted, ...describeError(error) });
    }
    running = null;
    // A chunk may have come after the spool was seen empty.
    if (!spool.isEmpty()) wake();
  };

  const wake = (): void => {
    if (!stopped) running ??= run();
  };

  return {
    wake,
    idle: async () => {
      while (running !== null) await running;
    },
    lastWritten: () => lastWritten,
    isFenced: () => fenced,
  };
};
