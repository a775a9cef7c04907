import { epochSeconds } from '../../shared/clock.ts';
import { newUlid } from '../../shared/ids.ts';
import { stripeEventKey } from '../../shared/store/item-keys.ts';
import { getItem, type Store } from '../../shared/store/store.ts';
import type { Write } from '../../shared/store/transact.ts';
import { updateItem } from '../../shared/store/update-item.ts';

/** An event that died with its process is taken up again after this time. */
const LEASE_MS = 60_000;
/** Longer than Stripe repeats an event. */
const KEPT_SECONDS = 60 * 86_400;

export type EventLease = { readonly eventId: string; readonly token: string };
export type EventState =
  | { readonly kind: 'leased'; readonly lease: EventLease }
  | { readonly kind: 'done' }
  | { readonly kind: 'busy' };

/** Takes an event for this process: two states, lease and done, so that none is lost and none done twice. */
export async function leaseEvent(store: Store, eventId: string): Promise<EventState> {
  const now = store.clock.now();
  const token = newUlid(now);
  const taken = await updateItem(store, 'tenants', stripeEventKey(eventId), {
    set: {
      state: 'lease',
      token,
      lease_until: now + LEASE_MS,
      ttl: epochSeconds(now) + KEPT_SECONDS,
    },
    condition: 'attribute_not_exists(#pk) OR (#state = :lease AND #lease_until < :now)',
    values: { lease: 'lease', now },
  });
  if (taken !== undefined) return { kind: 'leased', lease: { eventId, token } };
  const item = await getItem(store, 'tenants', stripeEventKey(eventId));
  return { kind: item?.['state']?.S === 'done' ? 'done' : 'busy' };
}

/** Marks the event done, in the transaction of what it caused; labelled `event`. */
export const eventDone = ({ eventId, token }: EventLease): Write => ({
  label: 'event',
  table: 'tenants',
  update: stripeEventKey(eventId),
  change: {
    set: { state: 'done' },
    remove: ['lease_until'],
    condition: '#state = :lease AND #token = :token',
    values: { lease: 'lease', token },
  },
});

/** Gives an event back after a failure, so that its repetition need not wait. */
export async function releaseEvent(store: Store, { eventId, token }: EventLease): Promise<void> {
  await updateItem(store, 'tenants', stripeEventKey(eventId), {
    set: { lease_until: 0 },
    condition: '#state = :lease AND #token = :token',
    values: { lease: 'lease', token },
  });
}
