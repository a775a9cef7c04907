import type { RuntimeApi } from './runtime-api.ts';

/** An answer that is sent while it comes into being. */
export class StreamedAnswer {
  readonly body: ReadableStream<Uint8Array>;

  constructor(body: ReadableStream<Uint8Array>) {
    this.body = body;
  }
}

export type Context = {
  /** Aborted shortly before Lambda would end the process, so that there is time for an answer. */
  readonly signal: AbortSignal;
  /**
   * Work that goes on after the answer and ends before the next event. A crash loses it: what must be kept is
   * done before the answer.
   */
  readonly waitUntil: (work: Promise<unknown>) => void;
};

/** Handles one event. The answer is JSON, or a StreamedAnswer. */
export type Handler = (event: unknown, context: Context) => Promise<unknown>;

export type LoopOptions = {
  readonly log: (line: string) => void;
  readonly stopping: AbortSignal;
  /** Told the trace of each invocation before its handler runs. */
  readonly trace: (id: string | null) => void;
};

/** Milliseconds before Lambda's deadline at which an answer is given up. */
const MARGIN_MS = 250;

class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

/** Handles events one at a time until told to stop. A handler's error is reported and the loop goes on. */
export async function runLoop(runtime: RuntimeApi, handler: Handler, options: LoopOptions): Promise<void> {
  while (!options.stopping.aborted) {
    let invocation;
    try {
      invocation = await runtime.next(options.stopping);
    } catch (error) {
      if (options.stopping.aborted) return;
      throw error;
    }
    options.trace(invocation.traceId);
    const left = Math.max(0, invocation.deadline - Date.now() - MARGIN_MS);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new DeadlineExceeded(`no answer within ${left} ms`)), left);
    const later: Promise<void>[] = [];
    const context: Context = {
      signal: deadline.signal,
      // A rejection is handled from the start: unhandled, it would end the process.
      waitUntil: (work) => void later.push(work.then(() => undefined, logFailure(options))),
    };
    try {
      await answer(runtime, invocation.id, handler, invocation.event, context);
    } catch (error) {
      await report(runtime, invocation.id, error, options);
    }
    await Promise.race([Promise.all(later), whenAborted(deadline.signal).catch(() => undefined)]);
    clearTimeout(timer);
  }
}

async function answer(
  runtime: RuntimeApi,
  id: string,
  handler: Handler,
  event: unknown,
  context: Context,
): Promise<void> {
  const result = await Promise.race([handler(event, context), whenAborted(context.signal)]);
  if (result instanceof StreamedAnswer) return runtime.respondWithStream(id, result.body);
  return runtime.respond(id, JSON.stringify(result ?? null));
}

/** An answer that Lambda did not take, or none: said once, in Lambda's own words where it still listens. */
async function report(runtime: RuntimeApi, id: string, error: unknown, { log }: LoopOptions): Promise<void> {
  log(failureLine('invocation.failed', id, error));
  try {
    await runtime.fail(id, error);
  } catch (unreported) {
    // A stream that broke after its first byte has been answered: there is nothing left to report to.
    log(failureLine('invocation.unreported', id, unreported));
  }
}

const logFailure =
  ({ log }: LoopOptions) =>
  (error: unknown): void =>
    log(failureLine('after_answer.failed', '', error));

const whenAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const abort = (): void =>
      reject(signal.reason instanceof Error ? signal.reason : new DeadlineExceeded('no answer in time'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });

const failureLine = (event: string, id: string, error: unknown): string =>
  JSON.stringify({
    at: new Date().toISOString(),
    level: 'error',
    event,
    ...(id === '' ? {} : { invocation: id }),
    error: error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${typeof error}`,
  });
