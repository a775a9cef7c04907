import { publicTenant, type Tenant } from '../../shared/model/tenant.ts';
import { listTenants } from '../../shared/store/tenants/list-tenants.ts';
import { directorySort } from '../../shared/store/tenants/tenant-writes.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor, limitOf } from './page.ts';

const SORT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9a-f-]{36}$/;

/** A page of all tenants, oldest first, deleted ones left out. */
export async function listAllTenants(
  deps: ApiDeps,
  query: { cursor?: string; limit?: string },
): Promise<{ tenants: Tenant[]; next_cursor: string | null }> {
  const sort = decodeCursor('tenants', query.cursor, SORT);
  const { tenants, more } = await listTenants(deps.store, {
    ...(sort === undefined ? {} : { after: { sort, tenantId: sort.slice(sort.indexOf('#') + 1) } }),
    limit: limitOf(query.limit),
  });
  const last = tenants.at(-1);
  return {
    tenants: tenants.map(publicTenant),
    next_cursor: more && last !== undefined ? encodeCursor('tenants', directorySort(last)) : null,
  };
}
