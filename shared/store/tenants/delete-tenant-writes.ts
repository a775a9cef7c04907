import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { TenantRecord } from '../../model/tenant.ts';
import { apiKeyKey, tenantKey } from '../item-keys.ts';
import { fromItem, type Store, toItem } from '../store.ts';
import type { Write } from '../transact.ts';
import { updateItem } from '../update-item.ts';
import { DELETED, DELETING } from './tenant-writes.ts';

/** Marks a tenant deleted and revokes every key in force, in one transaction; the tenant's write is labelled `tenant`. */
export const deleteTenantWrites = (before: TenantRecord, after: TenantRecord): Write[] => [
  {
    label: 'tenant',
    table: 'tenants',
    update: tenantKey(before.id),
    change: {
      set: {
        status: after.status,
        active_keys: after.active_keys,
        deleted_at: after.deleted_at,
        updated_at: after.updated_at,
        revision: before.revision + 1,
        directory: DELETING,
      },
      condition: '#revision = :seen',
      values: { seen: before.revision },
    },
  },
  ...before.active_keys.map((hash): Write => ({
    label: `copy:${hash}`,
    table: 'tenants',
    update: apiKeyKey(hash),
    change: { set: { revoked: true, revoked_at: after.deleted_at, tenant_status: 'deleted' } },
  })),
];

/** Records that a deletion is complete: nothing resumes it any more. */
export async function finishDeletion(store: Store, tenant: TenantRecord): Promise<void> {
  await updateItem(store, 'tenants', tenantKey(tenant.id), {
    set: { directory: DELETED },
    condition: '#status = :deleted',
    values: { deleted: 'deleted' },
  });
}

/** Tenants whose deletion is not complete yet. */
export async function unfinishedDeletions(store: Store, limit: number): Promise<TenantRecord[]> {
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.tenants,
      IndexName: 'directory',
      Limit: limit,
      KeyConditionExpression: '#directory = :deleting',
      ExpressionAttributeNames: { '#directory': 'directory' },
      ExpressionAttributeValues: toItem({ ':deleting': DELETING }),
    }),
  );
  return (answer.Items ?? []).map((item) => fromItem(TenantRecord, item));
}
