import { WORKING_STATUSES } from '../model/tenant.ts';
import { apiKeyKey } from './item-keys.ts';
import type { Write } from './transact.ts';

/**
 * Row A3: whatever was cached, a revoked key or a suspended tenant starts no work and changes nothing. The
 * claim and every mutation carry this check in their transaction, labelled `key`. With `now` (ISO 8601) a key
 * that has expired fails, too: for mutations, because a rotation in another process may have shortened its life.
 * A claim has none: a job outlives the key that submitted it.
 */
export const keyInForce = (keyHash: string, now?: string): Write => ({
  label: 'key',
  table: 'tenants',
  check: apiKeyKey(keyHash),
  condition: `#revoked = :no AND #tenant_status IN (${WORKING_STATUSES.map((_, index) => `:s${index}`).join(', ')})${now === undefined ? '' : ' AND (#expires_at = :never OR #expires_at > :now)'}`,
  values: {
    no: false,
    ...(now === undefined ? {} : { never: null, now }),
    ...Object.fromEntries(WORKING_STATUSES.map((status, index) => [`s${index}`, status])),
  },
});
