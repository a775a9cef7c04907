import type { Event } from './objects.ts';
import type { State } from './state.ts';

/** What every part of the stand-in works with. */
export type Context = {
  readonly state: State;
  /** Epoch seconds. */
  readonly now: () => number;
  /** Whether a customer's card is charged successfully. */
  readonly pays: (customer: string) => boolean;
  /** Where the hosted pages are: checkout and portal. */
  readonly pagesUrl: string;
};

/** The version that the SDK pins: anything else would be another API. */
export const API_VERSION = '2026-10-28.endive';

/** Records an event and queues it for delivery. The payload is a copy: later changes do not show in it. */
export function emit(context: Context, type: string, object: unknown, previous?: unknown): Event {
  const { state } = context;
  const event: Event = {
    id: state.id('evt'),
    object: 'event',
    livemode: false,
    api_version: API_VERSION,
    created: context.now(),
    type,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    data: {
      object: structuredClone(object),
      ...(previous === undefined ? {} : { previous_attributes: previous }),
    },
  };
  state.events.put(event);
  state.deliveries.put({ id: event.id, body: JSON.stringify(event), attempts: 0, dueAt: context.now() });
  return event;
}
