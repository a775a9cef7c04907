import type { ApiKey } from '../../shared/model/api-key.ts';
import { listApiKeys } from '../../shared/store/api-keys/list-api-keys.ts';
import type { ApiDeps } from '../deps.ts';
import { findTenant } from './find-tenant.ts';
import { decodeCursor, encodeCursor, limitOf } from './page.ts';

const KEY_ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** A page of a tenant's keys, oldest first. Throws not_found. */
export async function listTenantKeys(
  deps: ApiDeps,
  tenantId: string,
  query: { cursor?: string; limit?: string },
): Promise<{ api_keys: ApiKey[]; next_cursor: string | null }> {
  await findTenant(deps, tenantId);
  const after = decodeCursor('api_keys', query.cursor, KEY_ID);
  const { keys, more } = await listApiKeys(deps.store, tenantId, {
    ...(after === undefined ? {} : { after }),
    limit: limitOf(query.limit),
  });
  const last = keys.at(-1);
  return {
    api_keys: keys,
    next_cursor: more && last !== undefined ? encodeCursor('api_keys', last.key_id) : null,
  };
}
