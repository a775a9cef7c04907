import type { JobEvent } from '../model/event.ts';
import { attemptOfEvent, eventId } from '../model/event.ts';
import { isTerminal } from '../model/job.ts';
import type { JobRecord } from '../model/job.ts';
import { contiguousChunks, readChunk } from './chunks.ts';
import type { Chunk, OutputStore } from './chunks.ts';

/**
 * What the reader must know of a job, from a strongly consistent read.
 *
 * The seal of an attempt is its last valid event id (the id before its first when it has none). Chunks beyond
 * it were written by a worker that had lost the job, and do not exist for any reader.
 */
export type ReadableJob = Pick<JobRecord, 'tenant_id' | 'job_id' | 'status' | 'attempt' | 'sealed'>;

export type EventPage = {
  readonly events: JobEvent[];
  /** Continue after this id. It may lie beyond the last event: lost events have ids, too. */
  readonly afterId: number;
  /**
   * more: the limit was reached, or the job changed meanwhile: read the job and call again.
   * waiting: nothing more now; the job may still produce some.
   * complete: the job is over and this was its last event.
   * incomplete: the job is over, but chunks of it are gone from the bucket: nothing more will come.
   */
  readonly state: 'more' | 'waiting' | 'complete' | 'incomplete';
};

const PARALLEL_READS = 8;

/**
 * The events of a job after `afterId`, in order, without gap or repeat, about `limitBytes` at most (at least
 * one event, if there is any).
 *
 * Events of an attempt that is over are emitted up to its seal, and nothing until the seal is set. Events of
 * the running attempt are emitted only when `reread` (strongly consistent, null when the job is gone) shows
 * after fetching them that the attempt still runs: then they were in the bucket before any later claim lists
 * it, so its seal covers them.
 */
export const readEvents = async (
  store: OutputStore,
  job: ReadableJob,
  reread: () => Promise<ReadableJob | null>,
  afterId: number,
  limitBytes: number,
): Promise<EventPage> => {
  const terminal = isTerminal(job.status);
  const events: JobEvent[] = [];
  let position = afterId;
  let budget = limitBytes;
  for (let attempt = Math.max(1, attemptOfEvent(afterId)); attempt <= job.attempt; attempt += 1) {
    const seal = job.sealed[attempt];
    const live = seal === undefined && attempt === job.attempt && job.status === 'running';
    if (!live && seal === undefined) return { events, afterId: position, state: 'waiting' };
    if (seal !== undefined && position >= seal) continue;
    const start = Math.max(position, eventId(attempt, 0));
    const read = await readAttempt(store, job, attempt, start, seal ?? Infinity, budget);
    if (live && read.events.length > 0 && !stillRuns(await reread(), attempt)) {
      return { events, afterId: position, state: 'more' };
    }
    events.push(...read.events);
    position = read.afterId;
    budget -= read.bytes;
    if (read.limited) return { events, afterId: position, state: 'more' };
    if (seal !== undefined && position < seal) {
      return { events, afterId: position, state: terminal ? 'incomplete' : 'waiting' };
    }
  }
  return { events, afterId: position, state: terminal ? 'complete' : 'waiting' };
};

const stillRuns = (job: ReadableJob | null, attempt: number): boolean =>
  job !== null && job.attempt === attempt && job.status === 'running' && job.sealed[attempt] === undefined;

type AttemptPage = { events: JobEvent[]; afterId: number; bytes: number; limited: boolean };

/** Events of one attempt in (afterId, seal], until the budget of bytes is used up. */
const readAttempt = async (
  store: OutputStore,
  job: ReadableJob,
  attempt: number,
  afterId: number,
  seal: number,
  budget: number,
): Promise<AttemptPage> => {
  const page: AttemptPage = { events: [], afterId, bytes: 0, limited: false };
  const output = { tenantId: job.tenant_id, jobId: job.job_id, attempt };
  for await (const batch of batches(contiguousChunks(store, output, afterId), seal, budget)) {
    const contents = await Promise.all(batch.map((chunk) => readChunk(store, chunk)));
    for (const [index, chunk] of batch.entries()) {
      if (page.bytes > 0 && page.bytes >= budget) return { ...page, limited: true };
      for (const event of contents[index] ?? []) {
        if (event.id <= page.afterId || event.id > seal) continue;
        if (page.bytes > 0 && page.bytes >= budget) return { ...page, limited: true };
        page.events.push(event);
        page.afterId = event.id;
        page.bytes += sizeOf(event);
      }
      page.afterId = Math.max(page.afterId, Math.min(chunk.last, seal));
    }
  }
  return page;
};

const sizeOf = (event: JobEvent): number => JSON.stringify(event).length;

/** Groups chunks that begin before the seal, so that a batch is fetched at once and fits the budget. */
async function* batches(chunks: AsyncIterable<Chunk>, seal: number, budget: number): AsyncGenerator<Chunk[]> {
  let batch: Chunk[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    if (chunk.first > seal) break;
    batch.push(chunk);
    bytes += chunk.bytes;
    if (batch.length === PARALLEL_READS || bytes >= budget) {
      yield batch;
      batch = [];
      bytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
