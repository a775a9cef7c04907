import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import fc from 'fast-check';
import { isoTime } from '../../../shared/clock.ts';
import { newUlid, newUuid } from '../../../shared/ids.ts';
import { eventId } from '../../../shared/model/event.ts';
import { chunkKey, chunkPrefix, parseChunkKey, rawOutputKey } from '../../../shared/output/keys.ts';
import type { OutputStore } from '../../../shared/output/chunks.ts';
import { readEvents } from '../../../shared/output/read-events.ts';
import type { EventPage, ReadableJob } from '../../../shared/output/read-events.ts';
import { lastEventIds } from '../../../shared/output/seal.ts';
import { ChunkConflict, writeChunk } from '../../../shared/output/write-chunk.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import type { LocalAws } from '../../harness/local-aws.ts';
import { allEvents, outputStore, readableJob } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const scale = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

let aws: LocalAws;
let store: OutputStore;

beforeAll(async () => {
  aws = await startLocalAws({ faults: true });
  store = await outputStore(aws);
});
afterAll(() => aws.stop());

type Identity = { tenantId: string; jobId: string };
const newJob = (): Identity => ({ tenantId: newUuid(), jobId: newUlid() });

const chunkBody = (first: number, last: number, text = 'x'): Uint8Array => {
  const ids = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return Buffer.from(
    ids.map((id) => `${JSON.stringify({ id, at: isoTime(0), type: 'message', text })}\n`).join(''),
  );
};

/** Writes events n..m (from 1) of an attempt as one chunk. */
const write = (job: Identity, attempt: number, n: number, m: number, text?: string): Promise<void> => {
  const range = { first: eventId(attempt, n), last: eventId(attempt, m) };
  return writeChunk(store, { ...job, attempt }, range, chunkBody(range.first, range.last, text));
};

const ids = async (job: ReadableJob): Promise<number[]> =>
  (await allEvents(store, job)).map((event) => event.id);

describe('the keys', () => {
  test('lead back to their range and sort by it', () => {
    const output = { ...newJob(), attempt: 3 };
    const ranges = [
      { first: 1, last: 9 },
      { first: 10, last: 2_000_000_010 },
    ];
    const keys = ranges.map((range) => chunkKey(output, range));
    expect(keys.map(parseChunkKey)).toEqual(ranges);
    expect(keys.toSorted()).toEqual(keys);
    expect(rawOutputKey(output).startsWith(chunkPrefix(output))).toBe(false);
    expect(parseChunkKey(rawOutputKey(output))).toBeNull();
    expect(() => chunkKey({ ...output, attempt: 10_000 }, { first: 1, last: 1 })).toThrow(RangeError);
  });
});

describe('writing a chunk', () => {
  test('twice is once, and other bytes are refused', async () => {
    const job = newJob();
    await write(job, 1, 1, 2);
    await write(job, 1, 1, 2);
    await expect(write(job, 1, 1, 2, 'other')).rejects.toThrow(ChunkConflict);
    expect(await ids(readableJob(job, { sealed: { 1: 2 } }))).toEqual([1, 2]);
  });

  test('survives a lost reply', async () => {
    const job = newJob();
    await aws.faults.set([
      {
        service: 's3',
        operation: 'PutObject',
        times: 1,
        fault: { kind: 'error_after', status: 500, code: 'InternalError' },
      },
    ]);
    await expect(write(job, 1, 1, 2)).rejects.toThrow();
    await write(job, 1, 1, 2);
    await aws.faults.clear();
    expect(await lastEventIds(store, job.tenantId, job.jobId, [1])).toEqual({ 1: 2 });
  });
});

describe('the seal', () => {
  test('is the last event before a hole, and the base of an attempt without events', async () => {
    const job = newJob();
    await write(job, 2, 1, 3);
    await write(job, 2, 4, 4);
    await write(job, 2, 6, 9);
    expect(await lastEventIds(store, job.tenantId, job.jobId, [1, 2, 3])).toEqual({
      1: 0,
      2: eventId(2, 4),
      3: eventId(3, 0),
    });
  });

  test('hides what a lost worker wrote beyond it', async () => {
    const job = newJob();
    await write(job, 1, 1, 3);
    await write(job, 1, 4, 9);
    await write(job, 2, 1, 2);
    const sealed = { 1: 5, 2: eventId(2, 2) };
    expect(await ids(readableJob(job, { attempt: 2, sealed }))).toEqual([
      1,
      2,
      3,
      4,
      5,
      eventId(2, 1),
      eventId(2, 2),
    ]);
  });

  test('makes readers of the next attempt wait until it is set', async () => {
    const job = newJob();
    await write(job, 1, 1, 3);
    await write(job, 2, 1, 2);
    const running = readableJob(job, { status: 'running', attempt: 2 });
    const page = await readEvents(store, running, () => Promise.resolve(running), 0, 1e6);
    expect(page).toEqual({ events: [], afterId: 0, state: 'waiting' });
  });
});

describe('reading', () => {
  const page = (job: ReadableJob, reread: ReadableJob | null, afterId = 0): Promise<EventPage> =>
    readEvents(store, job, () => Promise.resolve(reread), afterId, 1e6);

  test('holds back live events when the job was claimed again meanwhile', async () => {
    const job = newJob();
    await write(job, 1, 1, 3);
    const running = readableJob(job, { status: 'running' });
    for (const changed of [{ attempt: 2 }, { sealed: { 1: 2 } }, { status: 'succeeded' as const }]) {
      const result = await page(running, { ...running, ...changed });
      expect(result).toEqual({ events: [], afterId: 0, state: 'more' });
    }
    expect((await page(running, null)).events).toEqual([]);
    expect((await page(running, running)).events).toHaveLength(3);
  });

  test('waits at a hole while the job runs', async () => {
    const job = newJob();
    await write(job, 1, 1, 2);
    await write(job, 1, 4, 5);
    const running = readableJob(job, { status: 'running' });
    const before = await page(running, running);
    expect(before.events.map((event) => event.id)).toEqual([1, 2]);
    await write(job, 1, 3, 3);
    const after = await page(running, running, before.afterId);
    expect(after.events.map((event) => event.id)).toEqual([3, 4, 5]);
  });

  test('says so when a finished job has lost chunks', async () => {
    const job = newJob();
    await write(job, 1, 1, 2);
    expect(await page(readableJob(job, { sealed: { 1: 7 } }), null)).toMatchObject({
      afterId: 2,
      state: 'incomplete',
    });
  });

  test('replays from any event, with any page size', async () => {
    const job = newJob();
    await write(job, 1, 1, 30);
    await write(job, 1, 31, 50);
    await write(job, 2, 1, 10);
    const view = readableJob(job, { attempt: 2, sealed: { 1: 45, 2: eventId(2, 10) } });
    const everything = await ids(view);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, ...everything),
        fc.integer({ min: 1, max: 2000 }),
        async (from, limit) => {
          const seen: number[] = [];
          let state: EventPage['state'] = 'more';
          for (let afterId = from; state === 'more';) {
            const next = await readEvents(store, view, () => Promise.resolve(view), afterId, limit);
            seen.push(...next.events.map((event) => event.id));
            ({ afterId, state } = next);
          }
          expect(state).toBe('complete');
          expect(seen).toEqual(everything.filter((id) => id > from));
        },
      ),
      { numRuns: 20 * scale },
    );
  });
});

/** One step of a job's life as its workers and the claimer see it. */
type Step = {
  do: 'write' | 'zombie' | 'claim' | 'seal' | 'takeover' | 'poll' | 'poll_during' | 'poll_stale';
  size: number;
};

describe('a reader beside workers that lose and take over the job', () => {
  test('sees every valid event once, in order', async () => {
    const steps = fc.array(
      fc.record<Step>({
        do: fc.constantFrom(
          'write',
          'zombie',
          'zombie',
          'claim',
          'seal',
          'takeover',
          'poll',
          'poll_during',
          'poll_stale',
        ),
        size: fc.integer({ min: 1, max: 4 }),
      }),
      { minLength: 15, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 900 }), async (life, limit) => {
        const identity = newJob();
        let job = readableJob(identity, { status: 'running' });
        const written: Record<number, number> = {};
        const seen: number[] = [];
        const views: ReadableJob[] = [];
        let afterId = 0;

        const append = async (attempt: number, size: number): Promise<void> => {
          const n = written[attempt] ?? 0;
          written[attempt] = n + size;
          await write(identity, attempt, n + 1, n + size);
        };
        const seal = async (): Promise<void> => {
          const earlier = Array.from({ length: job.attempt - 1 }, (_, index) => index + 1);
          const open = earlier.filter((attempt) => job.sealed[attempt] === undefined);
          const seals = await lastEventIds(store, identity.tenantId, identity.jobId, open);
          job = { ...job, sealed: { ...job.sealed, ...seals } };
        };
        const poll = async (
          reread: () => Promise<ReadableJob>,
          view: ReadableJob = job,
        ): Promise<EventPage> => {
          const next = await readEvents(store, view, reread, afterId, limit);
          seen.push(...next.events.map((event) => event.id));
          afterId = next.afterId;
          return next;
        };
        const act = async (step: Step): Promise<void> => {
          if (step.do === 'write') await append(job.attempt, step.size);
          if (step.do === 'zombie' && job.attempt > 1) await append(job.attempt - 1, step.size);
          if (step.do === 'claim') job = { ...job, attempt: job.attempt + 1 };
          if (step.do === 'takeover') job = { ...job, attempt: job.attempt + 1 };
          if (step.do === 'seal' || step.do === 'takeover') await seal();
          if (step.do === 'poll') await poll(() => Promise.resolve(job));
          // The reader looked at the job some steps ago, and only now looks at the bucket.
          if (step.do === 'poll_stale') await poll(() => Promise.resolve(job), views.at(-step.size));
          views.push(job);
        };

        for (const [index, step] of life.entries()) {
          const next = life[index + 1];
          if (step.do === 'poll_during' && next !== undefined && !next.do.startsWith('poll')) {
            // What follows happens between the reader's look at the bucket and its second look at the job.
            await poll(async () => {
              await act(next);
              return job;
            });
          } else {
            await act(step);
          }
        }
        await seal();
        const last = await lastEventIds(store, identity.tenantId, identity.jobId, [job.attempt]);
        job = { ...job, status: 'succeeded', sealed: { ...job.sealed, ...last } };
        let state: EventPage['state'] = 'more';
        while (state === 'more') ({ state } = await poll(() => Promise.resolve(job)));

        const valid = Array.from({ length: job.attempt }, (_, index) => index + 1).flatMap((attempt) => {
          const base = eventId(attempt, 0);
          return Array.from({ length: (job.sealed[attempt] ?? base) - base }, (_, n) => base + n + 1);
        });
        expect(seen).toEqual(valid);
        expect(state).toBe('complete');
      }),
      { numRuns: 80 * scale },
    );
  }, 600_000);
});
