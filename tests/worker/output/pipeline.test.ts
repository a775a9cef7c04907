import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import type { JobEvent } from '../../../shared/model/event.ts';
import type { OutputStore } from '../../../shared/output/chunks.ts';
import { outputBytes, readRawFromEvents } from '../../../shared/output/read-raw.ts';
import { REDACTED } from '../../../worker/output/redactor.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import type { LocalAws } from '../../harness/local-aws.ts';
import { eventually, PATIENCE_MS } from '../launcher/probe.ts';
import { allEvents, outputStore, pipeOf, readableJob, testPipeline } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const scale = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

let aws: LocalAws;
let store: OutputStore;

beforeAll(async () => {
  aws = await startLocalAws({ faults: true });
  store = await outputStore(aws);
});
afterAll(() => aws.stop());
afterEach(() => aws.faults.clear());

type Sealed = { tenantId: string; jobId: string };

const eventsOf = (job: Sealed, lastEventId: number): Promise<JobEvent[]> =>
  allEvents(store, readableJob(job, { sealed: { 1: lastEventId } }));

const object = async (key: string | null): Promise<Buffer> => {
  const answer = await store.s3.send(new GetObjectCommand({ Bucket: store.bucket, Key: key ?? '' }));
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
};

const bytesOf = (events: JobEvent[], ...types: string[]): Buffer =>
  Buffer.concat(
    events.flatMap((event) =>
      (event.type === 'stdout' || event.type === 'stderr') && types.includes(event.type)
        ? [outputBytes(event)]
        : [],
    ),
  );

const expectContiguous = (events: JobEvent[], lastEventId: number): void => {
  expect(events.map((event) => event.id)).toEqual(Array.from({ length: lastEventId }, (_, n) => n + 1));
};

describe('the output pipeline', () => {
  test('keeps every byte of both streams, as events and as one object', async () => {
    const chunks = fc.array(
      fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constantFrom('say hé\n', 'é', '\n', 'done\n')),
      { maxLength: 15 },
    );
    await fc.assert(
      fc.asyncProperty(chunks, chunks, async (stdout, stderr) => {
        const pipeline = testPipeline(store);
        pipeline.attach(pipeOf(stdout), pipeOf(stderr));
        const result = await pipeline.finish({ withinMs: PATIENCE_MS });
        const events = await eventsOf(pipeline, result.lastEventId);
        const whole = (parts: (Uint8Array | string)[]): Buffer =>
          Buffer.concat(parts.map((part) => Buffer.from(part)));
        expect(bytesOf(events, 'stdout')).toEqual(whole(stdout));
        expect(bytesOf(events, 'stderr')).toEqual(whole(stderr));
        const raw = await object(result.rawLocation);
        expect(raw).toEqual(bytesOf(events, 'stdout', 'stderr'));
        expect(raw.length).toBe(result.rawBytes);
        expectContiguous(events, result.lastEventId);
        expect(result).toMatchObject({ truncated: false, lost: false });
        expect(readdirSync(pipeline.folder)).toEqual([]);
      }),
      { numRuns: 20 * scale },
    );
  });

  test('hands on what the parser understood, with verdict and usage', async () => {
    const pipeline = testPipeline(store);
    pipeline.emit({ type: 'status', status: 'running', attempt: 1 });
    pipeline.attach(pipeOf(['say he', 'llo\nnoise\n', 'done']), pipeOf(['warning\n']));
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    const events = await eventsOf(pipeline, result.lastEventId);
    expect(events[0]).toMatchObject({ id: 1, type: 'status', status: 'running' });
    expect(events).toContainEqual(expect.objectContaining({ type: 'message', text: 'hello' }));
    expect(events.at(-1)).toMatchObject({ type: 'usage', usage: { input_tokens: 7 } });
    expect(result).toMatchObject({ verdict: { ok: true }, usage: { output_tokens: 9 } });
  });

  test('redacts secrets in output, parsed events and the raw object', async () => {
    const secret = 'sk-ant-0123456789abcdefghij';
    const pipeline = testPipeline(store, { secrets: [secret] });
    const bytes = Buffer.from(`say ${secret}\nsay ${Buffer.from(secret).toString('base64')}\n`);
    pipeline.attach(pipeOf([...bytes].map((byte) => Uint8Array.of(byte))), pipeOf([secret]));
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    const events = await eventsOf(pipeline, result.lastEventId);
    const everything = JSON.stringify(events) + (await object(result.rawLocation)).toString();
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(Buffer.from(secret).toString('base64').slice(0, 30));
    expect(events).toContainEqual(expect.objectContaining({ type: 'message', text: REDACTED }));
  });

  test('shows events while the agent still runs', async () => {
    const pipeline = testPipeline(store);
    let end = (): void => undefined;
    const open = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(Buffer.from('say early\n'));
        end = () => controller.close();
      },
    });
    pipeline.attach(open, pipeOf([]));
    const running = readableJob(pipeline, { status: 'running' });
    let events: JobEvent[] = [];
    await eventually(async () => {
      events = await allEvents(store, running);
      return events.length > 0;
    });
    const raw = readRawFromEvents(store, running, () => Promise.resolve(running));
    expect(await new Response(raw.body).text()).toBe('say early\n');
    end();
    await pipeline.finish({ withinMs: PATIENCE_MS });
    expect(events.map((event) => event.type)).toEqual(['stdout', 'message']);
  });

  test('marks output over the cap, keeps what is below it, and still learns the verdict', async () => {
    const pipeline = testPipeline(store, { capBytes: 1000 });
    pipeline.attach(pipeOf(['é'.repeat(499), 'xéx', 'more\n', 'done\n']), pipeOf(['and more']));
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    const events = await eventsOf(pipeline, result.lastEventId);
    expect(result).toMatchObject({ truncated: true, lost: false, verdict: { ok: true } });
    expect(result.rawBytes).toBeLessThanOrEqual(1000);
    expect(result.rawBytes).toBeGreaterThan(990);
    expect(await object(result.rawLocation)).toEqual(bytesOf(events, 'stdout', 'stderr'));
    expect(events.filter((event) => event.type === 'status')).toHaveLength(1);
    expectContiguous(events, result.lastEventId);
  });

  test('bounds events that are far larger than the output they come from', async () => {
    const pipeline = testPipeline(store, { capBytes: 20_000 });
    pipeline.attach(pipeOf(Array.from({ length: 3000 }, () => 'say\nsay \n')), pipeOf([]));
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    const size = JSON.stringify(await eventsOf(pipeline, result.lastEventId)).length;
    expect(result.truncated).toBe(true);
    expect(size).toBeLessThan(4 * 20_000 + 1000);
  });

  test('uploads a large raw output in parts', async () => {
    const pipeline = testPipeline(store);
    const block = crypto.getRandomValues(new Uint8Array(65536)).map((byte) => byte & 0x7f);
    pipeline.attach(pipeOf(Array.from({ length: 160 }, () => block)), pipeOf([]));
    await pipeline.drained();
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    const raw = await object(result.rawLocation);
    expect(raw.length).toBe(160 * 65536);
    expect(raw.subarray(-65536).equals(Buffer.from(block))).toBe(true);
  });

  test('survives an outage of S3 without a gap', async () => {
    const pipeline = testPipeline(store);
    const lines = function* (): Generator<string> {
      for (let n = 0; n < 300; n += 1) yield `say ${n}\n`;
    };
    await aws.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
    pipeline.attach(pipeOf(lines()), pipeOf([]));
    await Bun.sleep(2500);
    await aws.faults.set([
      {
        service: 's3',
        probability: 0.3,
        seed: 5,
        fault: { kind: 'error_after', status: 503, code: 'SlowDown' },
      },
    ]);
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    await aws.faults.clear();
    const events = await eventsOf(pipeline, result.lastEventId);
    expect(result.lost).toBe(false);
    expectContiguous(events, result.lastEventId);
    expect(events.filter((event) => event.type === 'message')).toHaveLength(300);
    expect(await object(result.rawLocation)).toEqual(bytesOf(events, 'stdout'));
  });

  test('marks what an outage longer than the disk loses', async () => {
    const pipeline = testPipeline(store, { backlogBytes: 400_000 });
    const block = `${'x'.repeat(65_000)}\n`;
    await aws.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
    pipeline.attach(pipeOf(Array.from({ length: 30 }, () => block)), pipeOf([]));
    await pipeline.drained();
    await Bun.sleep(1200);
    await aws.faults.clear();
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    const events = await eventsOf(pipeline, result.lastEventId);
    const marks = events.filter((event) => event.type === 'status' && event.status === 'output_lost');
    expect(marks).toHaveLength(1);
    expect(result.lost).toBe(false);
    const ids = events.map((event) => event.id);
    const gaps = ids.filter((id, index) => id !== (ids[index - 1] ?? 0) + 1);
    expect(gaps).toEqual([marks[0]?.id ?? 0]);
    // The raw output did not depend on S3 meanwhile.
    expect((await object(result.rawLocation)).length).toBe(30 * block.length);
  });

  test('gives up at the deadline and says so', async () => {
    const pipeline = testPipeline(store);
    pipeline.attach(pipeOf(['say before\n']), pipeOf([]));
    await pipeline.drained();
    const running = readableJob(pipeline, { status: 'running' });
    await eventually(async () => (await allEvents(store, running)).length === 2);
    await aws.faults.set([{ service: 's3', fault: { kind: 'hang', ms: 2 * PATIENCE_MS } }]);
    pipeline.emit({ type: 'message', text: 'after' });
    const started = performance.now();
    const result = await pipeline.finish({ withinMs: 1500 });
    expect(performance.now() - started).toBeLessThan(PATIENCE_MS / 2);
    expect(result).toMatchObject({ lost: true, rawLocation: null, lastEventId: 2 });
  });

  test('writes nothing once the lease is lost', async () => {
    const pipeline = testPipeline(store);
    pipeline.holdLease(false);
    pipeline.attach(pipeOf(['say nothing\n']), pipeOf([]));
    const result = await pipeline.finish({ withinMs: 5000 });
    expect(result).toMatchObject({ lost: true, rawLocation: null, lastEventId: 0 });
    const { Contents = [] } = await store.s3.send(
      new ListObjectsV2Command({ Bucket: store.bucket, Prefix: `${pipeline.tenantId}/` }),
    );
    expect(Contents).toEqual([]);
  });

  test('does not wait for a pipe that somebody keeps open', async () => {
    const pipeline = testPipeline(store);
    pipeline.attach(new ReadableStream<Uint8Array>({}), pipeOf(['say one\n']));
    const started = performance.now();
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    expect(performance.now() - started).toBeLessThan(PATIENCE_MS / 2);
    expect(result.rawBytes).toBe(8);
  });

  test('a parser that throws costs the parsed events, not the output', async () => {
    const parser = {
      stdout: () => {
        throw new Error('confused');
      },
      stderr: () => [],
      finish: () => ({ verdict: null, usage: null }),
    };
    const pipeline = testPipeline(store, { parser });
    pipeline.attach(pipeOf(['one\n', 'two\n']), pipeOf([]));
    const result = await pipeline.finish({ withinMs: PATIENCE_MS });
    expect((await object(result.rawLocation)).toString()).toBe('one\ntwo\n');
    expect(result.verdict).toBeNull();
  });
});
