import type { Event, ThinEvent } from './objects.ts';
import type { State } from './state.ts';

/** What every part of the stand-in works with. */
export type Context = {
  readonly state: State;
  /** Epoch seconds. */
  readonly now: () => number;
  /** Whether a customer's card is charged successfully. */
  readonly pays: (customer: string) => boolean;
  /** After so many seconds the meter counts what it took. */
  readonly countedAfter: number;
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

/** Records an event of API v2 about a meter and queues it, thin: what it says must be fetched. */
export function emitThin(context: Context, type: string, meterId: string, data: unknown): void {
  const { state, now } = context;
  const event: ThinEvent = {
    id: state.id('evt'),
    object: 'v2.core.event',
    type,
    created: new Date(now() * 1000).toISOString(),
    livemode: false,
    related_object: { id: meterId, type: 'billing.meter', url: `/v1/billing/meters/${meterId}` },
    data,
  };
  state.thinEvents.put(event);
  const { data: _, ...body } = event;
  state.deliveries.put({ id: event.id, body: JSON.stringify(body), attempts: 0, dueAt: now() });
}
