import { isoTime } from '../../clock.ts';
import { syncKey } from '../item-keys.ts';
import type { Store } from '../store.ts';
import type { Write } from '../transact.ts';
import { updateItem } from '../update-item.ts';
import { OUTBOXES } from './outbox.ts';

/** Has a tenant compared with Stripe at a time; labelled `sync`. */
export const syncAt = (tenantId: string, at: string): Write => ({
  label: 'sync',
  table: 'tenants',
  put: { ...syncKey(tenantId), outbox: OUTBOXES.sync, outbox_at: at },
});

export const noSync = (tenantId: string): Write => ({
  label: 'sync',
  table: 'tenants',
  delete: syncKey(tenantId),
});

/** Puts off a comparison that failed, unless another time was set meanwhile. */
export async function postponeSync(
  store: Store,
  tenantId: string,
  dueAt: string,
  byMs: number,
): Promise<void> {
  await updateItem(store, 'tenants', syncKey(tenantId), {
    set: { outbox_at: isoTime(store.clock.now() + byMs) },
    condition: '#outbox_at = :seen',
    values: { seen: dueAt },
  });
}
