import { setTimeout as sleep } from 'node:timers/promises';

/** One server-sent event; vendors that do not name their events leave `event` out. */
export type ServerSentEvent = { readonly event?: string; readonly data: unknown };

const encode = ({ event, data }: ServerSentEvent): string =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

/** Text deltas with the script's pause before each. Ends early, without error, when the client has gone. */
export async function* paced(
  deltas: readonly string[],
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  for (const delta of deltas) {
    if (intervalMs > 0) await sleep(intervalMs, undefined, { signal });
    yield delta;
  }
}

/** Waits until the client goes: what a model does that hangs after its first bytes. */
export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** A streaming answer made of the events; stops as soon as the client disconnects. */
export const eventStream = (events: (signal: AbortSignal) => AsyncGenerator<ServerSentEvent>): Response => {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  const pump = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      for await (const event of events(gone.signal)) {
        if (gone.signal.aborted) return;
        controller.enqueue(encoder.encode(encode(event)));
      }
      if (!gone.signal.aborted) controller.close();
    } catch (error) {
      // An aborted pause is the client's doing; anything else breaks the stream visibly.
      if (!gone.signal.aborted) controller.error(error);
    }
  };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void pump(controller),
    cancel: () => gone.abort(),
  });
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
  });
};
