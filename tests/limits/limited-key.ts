import type { Aws } from '../../shared/deps.ts';
import { addApiKey, newApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { transact } from '../../shared/store/transact.ts';
import { TEST_PEPPER } from '../harness/outpost.ts';

/** A further key of a tenant with its own requests a minute; null: the tenant's. */
export async function limitedKey(
  aws: Pick<Aws, 'store'>,
  tenantId: string,
  requestsPerMinute: number | null,
): Promise<{ apiKey: string; keyId: string; keyHash: string }> {
  const tenant = await getTenant(aws.store, tenantId);
  if (tenant === undefined) throw new Error('no such tenant');
  const { apiKey, record } = newApiKey(aws.store, TEST_PEPPER, tenant, {
    name: 'limited',
    mode: 'live',
    scopes: ['jobs:read', 'jobs:write', 'tenant:read'],
    expiresAt: null,
    requestsPerMinute,
  });
  await transact(aws.store, addApiKey(aws.store, tenant, record));
  return { apiKey, keyId: record.key_id, keyHash: record.key_hash };
}
