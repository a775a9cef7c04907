/**
 * The Lambda Runtime API as Lambda serves it to a function's process: one event at a time for each process that
 * asks. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export type Outcome =
  | { readonly kind: 'answer'; readonly headers: Headers; readonly body: ReadableStream<Uint8Array> }
  | { readonly kind: 'error'; readonly type: string; readonly message: string };

export type RuntimeEmulator = {
  /** For AWS_LAMBDA_RUNTIME_API. */
  readonly host: string;
  /** Hands an event to the next process that asks, and waits for what it makes of it. */
  invoke(event: unknown, options?: { deadlineMs?: number; traceId?: string }): Promise<Outcome>;
  /** The message of the first error that a process reported from its start. */
  readonly initError: Promise<string>;
  /** How often a process has asked for an event. */
  asked(): number;
  /** Refuses answers larger than this many bytes, as Lambda does from 6 MiB. */
  limitAnswers(bytes: number): void;
  stop(): Promise<void>;
};

type Pending = {
  readonly id: string;
  readonly event: unknown;
  readonly deadlineMs: number;
  readonly traceId: string;
  readonly settle: (outcome: Outcome) => void;
};

const DEFAULT_DEADLINE_MS = 30_000;

export function startRuntimeApi(): RuntimeEmulator {
  const waiting: Pending[] = [];
  const askers: ((pending: Pending) => void)[] = [];
  const running = new Map<string, Pending>();
  const init = Promise.withResolvers<string>();
  let count = 0;
  let asked = 0;
  let limit = Infinity;

  const awaited = (): Promise<Pending> => {
    const { promise, resolve } = Promise.withResolvers<Pending>();
    askers.push(resolve);
    return promise;
  };

  const next = async (): Promise<Response> => {
    asked += 1;
    const pending = waiting.shift() ?? (await awaited());
    running.set(pending.id, pending);
    return Response.json(pending.event, {
      headers: {
        'lambda-runtime-aws-request-id': pending.id,
        'lambda-runtime-deadline-ms': String(Date.now() + pending.deadlineMs),
        'lambda-runtime-trace-id': pending.traceId,
        'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-1:123456789012:function:test',
      },
    });
  };

  const respond = async (id: string, request: Request): Promise<Response> => {
    const pending = running.get(id);
    if (pending === undefined) return new Response('unknown id', { status: 400 });
    if (request.headers.get('lambda-runtime-function-response-mode') === 'streaming') {
      // The body is passed on while it comes; the answer to the process waits for its end, as Lambda's does.
      const [passed, watched] = (request.body ?? new ReadableStream<Uint8Array>()).tee();
      running.delete(id);
      pending.settle({ kind: 'answer', headers: request.headers, body: passed });
      await new Response(watched).arrayBuffer();
      return new Response(null, { status: 202 });
    }
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.byteLength > limit) return new Response('too large', { status: 413 });
    running.delete(id);
    pending.settle({
      kind: 'answer',
      headers: request.headers,
      body: new Response(bytes).body ?? new ReadableStream(),
    });
    return new Response(null, { status: 202 });
  };

  const fail = async (id: string, request: Request): Promise<Response> => {
    const pending = running.get(id);
    if (pending === undefined) return new Response('unknown id', { status: 400 });
    running.delete(id);
    const { errorType, errorMessage } = await request.json();
    pending.settle({ kind: 'error', type: errorType, message: errorMessage });
    return new Response(null, { status: 202 });
  };

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const path = new URL(request.url).pathname.replace('/2018-06-01/runtime/', '');
      if (path === 'invocation/next') return next();
      if (path === 'init/error') {
        init.resolve((await request.json()).errorMessage);
        return new Response(null, { status: 202 });
      }
      const [, id = '', action] = /^invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
      if (action === undefined) return new Response('no such path', { status: 404 });
      return action === 'response' ? respond(id, request) : fail(id, request);
    },
  });

  return {
    host: `127.0.0.1:${server.port}`,
    initError: init.promise,
    asked: () => asked,
    limitAnswers: (bytes) => {
      limit = bytes;
    },
    invoke: (event, options = {}) =>
      new Promise((settle) => {
        count += 1;
        const pending: Pending = {
          id: `invocation-${count}`,
          event,
          deadlineMs: options.deadlineMs ?? DEFAULT_DEADLINE_MS,
          traceId: options.traceId ?? `Root=1-${count}`,
          settle,
        };
        const asker = askers.shift();
        if (asker === undefined) waiting.push(pending);
        else asker(pending);
      }),
    stop: () => server.stop(true),
  };
}
