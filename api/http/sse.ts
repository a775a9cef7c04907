import type { JobEvent } from '../../shared/model/event.ts';
import type { Followed } from '../operations/follow-events.ts';

/** How often a silent stream says that it is alive, for proxies that cut idle connections. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Events as a server-sent event stream: `id` is the event's id, so that a client which reconnects with
 * Last-Event-ID continues right after what it saw. A ReadableStream and no generator: Deno streams nothing
 * from the latter.
 */
export function eventStream(
  followed: AsyncGenerator<Followed>,
  now: () => number,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let spokeAt = now();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const next = await followed.next();
        if (next.done === true) return controller.close();
        if (next.value.kind === 'event') {
          spokeAt = now();
          return controller.enqueue(encoder.encode(frame(next.value.event)));
        }
        if (now() - spokeAt >= KEEP_ALIVE_MS) {
          spokeAt = now();
          return controller.enqueue(encoder.encode(': alive\n\n'));
        }
      }
    },
    async cancel() {
      await followed.return(undefined);
    },
  });
}

const frame = (event: JobEvent): string =>
  `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
