import type { Store } from '../../shared/store/store.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';

export type TenantUids = {
  /** The uid that a tenant's agents run under; undefined for an unknown tenant. Throws what the read throws. */
  of(tenantId: string): Promise<number | undefined>;
};

const TENANTS_MAX = 10_000;

/** A tenant's uid is given when it is created and never changes: one read tells for good. */
export function createTenantUids(store: Store): TenantUids {
  const known = new Map<string, number>();
  return {
    async of(tenantId) {
      const before = known.get(tenantId);
      if (before !== undefined) return before;
      const uid = (await getTenant(store, tenantId))?.uid;
      if (uid === undefined) return undefined;
      if (known.size >= TENANTS_MAX) known.clear();
      known.set(tenantId, uid);
      return uid;
    },
  };
}
