import { TenantRecord } from '../../model/tenant.ts';
import { tenantKey } from '../item-keys.ts';
import { fromItem, getItem, type Store } from '../store.ts';

/** A tenant, read strongly; deleted ones are found, too. */
export async function getTenant(store: Store, tenantId: string): Promise<TenantRecord | undefined> {
  const item = await getItem(store, 'tenants', tenantKey(tenantId));
  return item && fromItem(TenantRecord, item);
}
