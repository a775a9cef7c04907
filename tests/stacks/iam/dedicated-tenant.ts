import type { Aws } from '../../../shared/deps.ts';
import { tenantKey } from '../../../shared/store/item-keys.ts';
import { updateItem } from '../../../shared/store/update-item.ts';
import { createTestTenant, type TestTenant } from '../../harness/outpost.ts';

/** A tenant whose jobs run in tasks of its own. */
export async function dedicatedTenant(aws: Aws): Promise<TestTenant> {
  const tenant = await createTestTenant(aws.store, { limits: { concurrent_jobs: 5 } });
  await updateItem(aws.store, 'tenants', tenantKey(tenant.tenantId), { set: { isolation: 'dedicated' } });
  return tenant;
}
