import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { type Handler, runLoop, StreamedAnswer } from '../../api/runtime/loop.ts';
import { createRuntimeApi } from '../../api/runtime/runtime-api.ts';
import { type RuntimeEmulator, startRuntimeApi } from './runtime-api.ts';

let emulator: RuntimeEmulator;
let stopping: AbortController;
let loop: Promise<void>;
let lines: string[];
let traces: (string | null)[];

beforeEach(() => {
  emulator = startRuntimeApi();
  stopping = new AbortController();
  lines = [];
  traces = [];
});
afterEach(async () => {
  stopping.abort();
  await loop;
  await emulator.stop();
});

const run = (handler: Handler): void => {
  loop = runLoop(createRuntimeApi(emulator.host), handler, {
    log: (line) => void lines.push(line),
    stopping: stopping.signal,
    trace: (id) => void traces.push(id),
  });
};

/** Never settles. */
const forever = Promise.withResolvers<never>().promise;

const textOf = async (outcome: Awaited<ReturnType<RuntimeEmulator['invoke']>>): Promise<string> =>
  outcome.kind === 'answer' ? new Response(outcome.body).text() : `error ${outcome.type}: ${outcome.message}`;

describe('the loop', () => {
  test('answers events one after the other and names their traces', async () => {
    run(async (event) => ({ echo: event }));
    expect(await textOf(await emulator.invoke({ n: 1 }, { traceId: 'Root=a' }))).toBe('{"echo":{"n":1}}');
    expect(await textOf(await emulator.invoke({ n: 2 }, { traceId: 'Root=b' }))).toBe('{"echo":{"n":2}}');
    expect(traces).toEqual(['Root=a', 'Root=b']);
  });

  test('answers null where a handler answers nothing', async () => {
    run(async () => undefined);
    expect(await textOf(await emulator.invoke({}))).toBe('null');
  });

  test('reports a handler’s error and goes on', async () => {
    run(async (event) => {
      if (event === 'bad') throw new TypeError('no');
      return 'good';
    });
    expect(await textOf(await emulator.invoke('bad'))).toBe('error Outpost.TypeError: no');
    expect(await textOf(await emulator.invoke('fine'))).toBe('"good"');
    expect(lines.join()).toContain('invocation.failed');
  });

  test('reports an answer that Lambda finds too large', async () => {
    emulator.limitAnswers(100);
    run(async () => 'x'.repeat(200));
    expect(await textOf(await emulator.invoke({}))).toContain('RuntimeApiError');
  });

  test('gives up before the deadline, tells the handler, and takes the next event', async () => {
    let told = false;
    run(async (event, { signal }) => {
      if (event !== 'slow') return 'quick';
      signal.addEventListener('abort', () => (told = true));
      return forever;
    });
    const started = performance.now();
    expect(await textOf(await emulator.invoke('slow', { deadlineMs: 500 }))).toContain('DeadlineExceeded');
    expect(performance.now() - started).toBeLessThan(500);
    expect(told).toBe(true);
    expect(await textOf(await emulator.invoke('quick'))).toBe('"quick"');
  });

  test('finishes what goes on after the answer before it asks for the next event', async () => {
    const order: string[] = [];
    run(async (event, { waitUntil }) => {
      order.push(`start ${String(event)}`);
      waitUntil(Bun.sleep(100).then(() => order.push(`after ${String(event)}`)));
      return event;
    });
    const first = emulator.invoke('a').then(() => order.push('answered a'));
    const second = emulator.invoke('b');
    await Promise.all([first, second]);
    expect(order).toEqual(['start a', 'answered a', 'after a', 'start b']);
  });

  test('logs what failed after the answer and goes on', async () => {
    run(async (_, { waitUntil }) => {
      waitUntil(Promise.reject(new Error('late')));
      return 'answered';
    });
    expect(await textOf(await emulator.invoke({}))).toBe('"answered"');
    expect(await textOf(await emulator.invoke({}))).toBe('"answered"');
    expect(lines.join()).toContain('after_answer.failed');
  });

  test('does not wait past the deadline for what goes on after the answer', async () => {
    run(async (_, { waitUntil }) => {
      waitUntil(forever);
      return 'answered';
    });
    await emulator.invoke({}, { deadlineMs: 400 });
    expect(await textOf(await emulator.invoke({}, { deadlineMs: 400 }))).toBe('"answered"');
  });

  test('sends a stream while it comes into being', async () => {
    const gate = Promise.withResolvers<void>();
    run(async () => {
      const encoder = new TextEncoder();
      return new StreamedAnswer(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(encoder.encode('first '));
            await gate.promise;
            controller.enqueue(encoder.encode('second'));
            controller.close();
          },
        }),
      );
    });
    const outcome = await emulator.invoke({});
    if (outcome.kind === 'error') throw new Error(outcome.message);
    expect(outcome.headers.get('content-type')).toBe('application/vnd.awslambda.http-integration-response');
    const reader = outcome.body.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first ');
    gate.resolve();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('second');
  });

  test('goes on after a stream that broke', async () => {
    run(async (event) => {
      if (event !== 'broken') return 'whole';
      return new StreamedAnswer(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode('part'));
            await Bun.sleep(20);
            controller.error(new Error('broke'));
          },
        }),
      );
    });
    const outcome = await emulator.invoke('broken');
    expect(outcome.kind).toBe('answer');
    expect(await textOf(await emulator.invoke('next'))).toBe('"whole"');
    expect(lines.join()).toContain('invocation.failed');
  });

  test('stops while it waits for an event', async () => {
    run(async () => 'never');
    await Bun.sleep(20);
    stopping.abort();
    await expect(loop).resolves.toBeUndefined();
  });
});
