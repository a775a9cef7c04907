/**
 * Where a job's output lies in the output bucket.
 *
 * Event chunks: `{tenant}/{job}/events/{attempt}/{last}-{first}.ndjson`, zero-padded, named first by the last
 * event id they cover: listing with StartAfter seeks to any event, within and across attempts. The first id
 * is in the name so that holes show in a listing, without reading a chunk.
 * Raw output: `{tenant}/{job}/output/{attempt}`, outside the prefix of the events.
 */
export type AttemptOutput = {
  readonly tenantId: string;
  readonly jobId: string;
  /** From 1. */
  readonly attempt: number;
};

/** The events that a chunk covers, both ends included. */
export type ChunkRange = { readonly first: number; readonly last: number };

const ATTEMPT_DIGITS = 4;
const EVENT_DIGITS = 16;

const CHUNK_KEY = /^[^/]+\/[^/]+\/events\/\d{4}\/(\d{16})-(\d{16})\.ndjson$/;

const pad = (value: number, digits: number): string => {
  const text = String(value);
  if (!Number.isSafeInteger(value) || value < 0 || text.length > digits) {
    throw new RangeError(`${value} does not fit an output key of ${digits} digits`);
  }
  return text.padStart(digits, '0');
};

/** The prefix under which all chunks of one attempt lie. */
export const chunkPrefix = ({ tenantId, jobId, attempt }: AttemptOutput): string =>
  `${tenantId}/${jobId}/events/${pad(attempt, ATTEMPT_DIGITS)}/`;

/** The key of the chunk that covers `range`. */
export const chunkKey = (output: AttemptOutput, { first, last }: ChunkRange): string =>
  `${chunkPrefix(output)}${pad(last, EVENT_DIGITS)}-${pad(first, EVENT_DIGITS)}.ndjson`;

/** The StartAfter that skips every chunk whose last event is `eventId` or earlier: `~` sorts after `-`. */
export const chunksAfter = (output: AttemptOutput, eventId: number): string =>
  `${chunkPrefix(output)}${pad(eventId, EVENT_DIGITS)}~`;

/** The events a chunk covers, or null when the key is no chunk's. */
export const parseChunkKey = (key: string): ChunkRange | null => {
  const match = CHUNK_KEY.exec(key);
  return match === null ? null : { first: Number(match[2]), last: Number(match[1]) };
};

/** The key of an attempt's raw output. */
export const rawOutputKey = ({ tenantId, jobId, attempt }: AttemptOutput): string =>
  `${tenantId}/${jobId}/output/${attempt}`;
