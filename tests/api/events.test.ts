import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import fc from 'fast-check';
import { type ApiDeps, createApiDeps, readApiEnv } from '../../api/deps.ts';
import { authenticate, stillAuthenticated } from '../../api/caller.ts';
import { eventStream } from '../../api/http/sse.ts';
import { followEvents } from '../../api/operations/follow-events.ts';
import type { Aws } from '../../shared/deps.ts';
import { eventId, JobEvent } from '../../shared/model/event.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { rawOutputKey } from '../../shared/output/keys.ts';
import { lastEventIds } from '../../shared/output/seal.ts';
import { writeChunk } from '../../shared/output/write-chunk.ts';
import type { Lease } from '../../shared/store/jobs/claim-job.ts';
import { sealAttempts } from '../../shared/store/jobs/write-leased.ts';
import type { LocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { addJob, claimed, end, later, LEASE_OVER_MS, read, SUCCEEDED } from '../store/fixture.ts';
import { expectProblem } from './problems.ts';
import { revokeBehindTheCache } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row J3: whenever a follower disconnects, it continues without gap or repeat, and sees the end. */

let local: LocalAws;
let aws: Aws;
let api: TestApi;
let tenant: TestTenant;

beforeAll(async () => {
  ({ local, aws, api } = await sharedOutpost());
  tenant = await createTestTenant(aws.store);
});

const RUNS = 6 * Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

type Held = { readonly job: JobRecord; readonly lease: Lease };

/** Writes the events [first, last] of an attempt as a worker does: one chunk. */
async function write(held: Held, first: number, last: number, data = 'line'): Promise<void> {
  const { attempt } = held.lease;
  const events = Array.from({ length: last - first + 1 }, (_, index) => ({
    id: eventId(attempt, first + index),
    at: '2026-01-01T00:00:00.000Z',
    type: 'stdout',
    data: `${data} ${attempt}.${first + index}\n`,
  }));
  const body = new TextEncoder().encode(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  await writeChunk(
    aws.outputs,
    { tenantId: held.job.tenant_id, jobId: held.job.job_id, attempt },
    { first: eventId(attempt, first), last: eventId(attempt, last) },
    body,
  );
}

const follow = (jobId: string, lastEventId?: number, signal?: AbortSignal): Promise<Response> =>
  api.fetch(`/jobs/${jobId}/events`, {
    headers: {
      authorization: `Bearer ${tenant.apiKey}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
    },
    ...(signal === undefined ? {} : { signal }),
  });

/** Reads at most `limit` events of a stream, then disconnects. */
async function take(answer: Response, limit = Infinity): Promise<JobEvent[]> {
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const events: JobEvent[] = [];
  if (answer.body === null) throw new Error('no body');
  const frames = answer.body
    .pipeThrough(new TransformStream<Uint8Array, string>(decoding()))
    .pipeThrough(new EventSourceParserStream());
  for await (const frame of frames) {
    const event = JobEvent.assert(JSON.parse(frame.data));
    expect([frame.id, frame.event]).toEqual([String(event.id), event.type]);
    events.push(event);
    if (events.length >= limit) break;
  }
  return events;
}

function decoding(): Transformer<Uint8Array, string> {
  const decoder = new TextDecoder();
  return { transform: (chunk, controller) => controller.enqueue(decoder.decode(chunk, { stream: true })) };
}

const ids = (events: readonly JobEvent[]): number[] => events.map(({ id }) => id);

/** The events of two attempts: the first one's `sealed` that count, the second's `second`, and the end. */
const expectedIds = (sealed: number, second: number): number[] => [
  ...Array.from({ length: sealed }, (_, index) => eventId(1, index + 1)),
  ...Array.from({ length: second }, (_, index) => eventId(2, index + 1)),
  eventId(2, second + 1),
];

/** Takes a job over from a worker whose lease ended, sealing what it wrote, as a worker does. */
async function takeOver(job: JobRecord): Promise<Held> {
  const held = await claimed(later(aws.store, LEASE_OVER_MS), job);
  const seals = await lastEventIds(aws.outputs, job.tenant_id, job.job_id, [1]);
  const sealed = await sealAttempts(aws.store, held.lease, seals);
  if (sealed === undefined) throw new Error('the lease is lost');
  return { job: sealed, lease: held.lease };
}

const finish = async (held: Held, last: number): Promise<void> => {
  expect(await end(aws.store, held, { ...SUCCEEDED, lastEventId: eventId(held.lease.attempt, last) })).toBe(
    true,
  );
};

describe('GET /jobs/{id}/events', () => {
  test(
    'shows each event once and in order, however often the follower disconnects, over two attempts with a zombie',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
          fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
          fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 20, maxLength: 20 }),
          async (firstChunks, secondChunks, cuts) => {
            const job = await addJob(aws.store, tenant);
            const zombie = await claimed(aws.store, job);
            const total = (chunks: number[]): number => chunks.reduce((sum, size) => sum + size, 0);
            const work = async (): Promise<void> => {
              let next = 1;
              for (const size of firstChunks) {
                await write(zombie, next, next + size - 1);
                next += size;
              }
              const held = await takeOver(job);
              await write(zombie, next, next + 4, 'zombie');
              let second = 1;
              for (const size of secondChunks) {
                await write(held, second, second + size - 1);
                second += size;
              }
              await finish(held, second - 1);
            };
            const seen: JobEvent[] = [];
            const watch = async (): Promise<void> => {
              for (let turn = 0; seen.at(-1)?.type !== 'end'; turn += 1) {
                const limit = cuts[turn] ?? Infinity;
                seen.push(...(await take(await follow(job.job_id, seen.at(-1)?.id ?? 0), limit)));
              }
            };
            await Promise.all([work(), watch()]);
            const all = expectedIds(total(firstChunks), total(secondChunks));
            expect(ids(seen)).toEqual(all);
            expect(JSON.stringify(seen)).not.toContain('zombie');
            const from = all[Math.floor(all.length / 2)] ?? 0;
            const replayed = await take(await follow(job.job_id, from));
            expect(ids(replayed)).toEqual(all.filter((id) => id > from));
          },
        ),
        { numRuns: RUNS },
      );
    },
    60_000 * RUNS,
  );

  test('replays from any id after the end, with the same end event each time', async () => {
    const held = await claimed(aws.store, await addJob(aws.store, tenant));
    await write(held, 1, 10);
    await finish(held, 10);
    const all = await take(await follow(held.job.job_id));
    expect(ids(all)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
    expect(all.at(-1)).toMatchObject({ type: 'end', status: 'succeeded', exit_code: 0, failure: null });
    for (let from = 0; from <= 10; from += 1) {
      expect(await take(await follow(held.job.job_id, from))).toEqual(all.slice(from));
    }
    for (const beyond of [11, 500, eventId(3, 1)]) {
      expect(await take(await follow(held.job.job_id, beyond))).toEqual(all.slice(-1));
    }
  });

  test('shows a job that was cancelled before it ran only its end', async () => {
    const job = await addJob(aws.store, tenant);
    const cancelled = await api.request('DELETE', `/jobs/${job.job_id}`, { key: tenant.apiKey });
    expect(cancelled.status).toBe(200);
    const events = await take(await follow(job.job_id));
    expect(events).toMatchObject([{ id: 1, type: 'end', status: 'cancelled' }]);
  });
});

describe('followEvents', () => {
  const mayRead = async (): Promise<boolean> => true;

  const depsOf = (): Promise<ApiDeps> => {
    awsOf(local); // Another file may have set the credentials of an AWS of its own.
    return createApiDeps(readApiEnv(outpostEnv(local)), { write: () => undefined, streaming: false });
  };

  test('ends without an end event when its time is up, and is continued from there', async () => {
    const deps = await depsOf();
    const held = await claimed(aws.store, await addJob(aws.store, tenant));
    await write(held, 1, 3);
    const until = deps.clock.monotonic() + 300;
    const signal = new AbortController().signal;
    const seen: JobEvent[] = [];
    for await (const next of followEvents(deps, held.job, 0, { until, signal, mayRead })) {
      if (next.kind === 'event') seen.push(next.event);
    }
    expect(ids(seen)).toEqual([1, 2, 3]);
    await write(held, 4, 5);
    await finish(held, 5);
    expect(ids(await take(await follow(held.job.job_id, 3)))).toEqual([4, 5, 6]);
  });

  test('ends when the key of its reader was revoked, and not before', async () => {
    const { clock, ...deps } = await depsOf();
    // A minute passes in 60 ms.
    const fast = { ...deps, clock: { ...clock, monotonic: () => clock.monotonic() * 1_000 } };
    const reader = await createTestTenant(aws.store, { scopes: ['jobs:read'] });
    const caller = await authenticate(fast, `Bearer ${reader.apiKey}`);
    const held = await claimed(aws.store, await addJob(aws.store, tenant));
    const stop = new AbortController();
    let checks = 0;
    const followed = followEvents(fast, held.job, 0, {
      until: Number.POSITIVE_INFINITY,
      signal: stop.signal,
      mayRead: async () => {
        const may = await stillAuthenticated(fast, caller);
        checks += 1;
        expect(may).toBe(checks < 3);
        if (checks === 2) await revokeBehindTheCache(aws, reader);
        return may;
      },
    });
    for await (const next of followed) expect(next.kind).toBe('idle');
    expect([checks, stop.signal.aborted]).toEqual([3, false]);
  });

  test('keeps a silent connection alive', async () => {
    let now = 0;
    const idle = async function* () {
      for (let count = 0; count < 40; count += 1) {
        now += 1_000;
        yield { kind: 'idle' } as const;
      }
    };
    const text = await new Response(eventStream(idle(), () => now)).text();
    expect(text).toBe(': alive\n\n: alive\n\n');
  });
});

describe('GET /jobs/{id}/output', () => {
  const output = (jobId: string, headers: Record<string, string> = {}): Promise<Response> =>
    api.request('GET', `/jobs/${jobId}/output`, { key: tenant.apiKey, headers });

  /** A job that ended with this raw output. */
  async function endedWith(body: string): Promise<string> {
    const held = await claimed(aws.store, await addJob(aws.store, tenant));
    const location = rawOutputKey({ tenantId: tenant.tenantId, jobId: held.job.job_id, attempt: 1 });
    const { s3, bucket } = aws.outputs;
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: location, Body: body }));
    const bytes = new TextEncoder().encode(body).length;
    await end(aws.store, held, {
      ...SUCCEEDED,
      output: { location, bytes, truncated: false },
      lastEventId: 0,
    });
    expect((await read(aws.store, held.job)).output_bytes).toBe(bytes);
    return held.job.job_id;
  }

  test('shows what a running job has written so far', async () => {
    const held = await claimed(aws.store, await addJob(aws.store, tenant));
    expect(await (await output(held.job.job_id)).text()).toBe('');
    await write(held, 1, 2);
    const answer = await output(held.job.job_id);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await answer.text()).toBe('line 1.1\nline 1.2\n');
  });

  test('answers small output inline, and ranges of it', async () => {
    const jobId = await endedWith('0123456789');
    expect(await (await output(jobId)).text()).toBe('0123456789');
    const part = await output(jobId, { range: 'bytes=2-4' });
    expect([part.status, await part.text()]).toEqual([206, '234']);
    expect(part.headers.get('content-range')).toBe('bytes 2-4/10');
    expect(await (await output(jobId, { range: 'bytes=-3' })).text()).toBe('789');
    await expectProblem(await output(jobId, { range: 'bytes=10-' }), 416, 'range_not_satisfiable');
  });

  test('redirects to large output, by a URL that works for five minutes at most', async () => {
    const body = 'x'.repeat(4 * 1024 * 1024 + 1);
    const answer = await output(await endedWith(body));
    expect(answer.status).toBe(307);
    const url = new URL(answer.headers.get('location') ?? '');
    expect(Number(url.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(300);
    const fetched = await fetch(url);
    expect([fetched.status, (await fetched.text()).length]).toEqual([200, body.length]);
    url.searchParams.set('X-Amz-Expires', '9999');
    expect((await fetch(url)).status).toBe(403);
  });
});
