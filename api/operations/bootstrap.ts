import { type } from 'arktype';
import { isoTime } from '../../shared/clock.ts';
import { newUuid } from '../../shared/ids.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { Uuid } from '../../shared/model/primitives.ts';
import { newApiKey, putApiKey, revocationFields } from '../../shared/store/api-keys/api-key-writes.ts';
import { auditWrite } from '../../shared/store/audit/entry-write.ts';
import { bootstrapKey } from '../../shared/store/item-keys.ts';
import { fromItem, getItem, type Store } from '../../shared/store/store.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { allocateUid, changeTenant, newTenant, putTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { ConditionFailed, transact, type Write } from '../../shared/store/transact.ts';

export type Bootstrapped =
  | { readonly kind: 'created' | 'rotated'; readonly tenantId: string; readonly adminKey: string }
  | { readonly kind: 'exists'; readonly tenantId: string };

const BootstrapRecord = type({ tenant_id: Uuid, admin_key_hash: 'string' });

type Settings = { readonly pepper: string; readonly uidStart: number; readonly uidCount: number };

/**
 * Makes the operator's tenant and the first admin key, once: a second run says that they exist and changes
 * nothing. `rotate` issues a new admin key and revokes the one before.
 */
export async function bootstrap(
  store: Store,
  settings: Settings,
  options: { rotate: boolean; email: string },
): Promise<Bootstrapped> {
  const item = await getItem(store, 'tenants', bootstrapKey);
  if (item === undefined) return create(store, settings, options);
  const record = fromItem(BootstrapRecord, item);
  return options.rotate ? rotate(store, settings, record) : { kind: 'exists', tenantId: record.tenant_id };
}

async function create(
  store: Store,
  settings: Settings,
  options: { rotate: boolean; email: string },
): Promise<Bootstrapped> {
  const uid = await allocateUid(store, { start: settings.uidStart, count: settings.uidCount });
  const tenant = newTenant(store, { name: 'Operator', email: options.email, plan: 'enterprise', uid });
  const { apiKey, record } = newApiKey(store, settings.pepper, tenant, ADMIN);
  try {
    await transact(store, [
      {
        label: 'bootstrap',
        table: 'tenants',
        put: { ...bootstrapKey, tenant_id: tenant.id, admin_key_hash: record.key_hash },
        condition: 'attribute_not_exists(#pk)',
      },
      putTenant({ ...tenant, active_keys: [record.key_hash] }),
      putApiKey(record),
      auditWrite(store, entry(store, tenant.id, 'platform.bootstrap')),
    ]);
  } catch (error) {
    // Somebody else bootstrapped at the same moment.
    if (error instanceof ConditionFailed) return bootstrap(store, settings, { ...options, rotate: false });
    throw error;
  }
  return { kind: 'created', tenantId: tenant.id, adminKey: apiKey };
}

const ADMIN = {
  name: 'admin',
  mode: 'live',
  scopes: SCOPES,
  expiresAt: null,
  requestsPerMinute: null,
} as const;

async function rotate(
  store: Store,
  settings: Settings,
  before: typeof BootstrapRecord.infer,
): Promise<Bootstrapped> {
  const tenant = await getTenant(store, before.tenant_id);
  if (tenant === undefined) throw new Error('the operator’s tenant is gone');
  const { apiKey, record } = newApiKey(store, settings.pepper, tenant, ADMIN);
  const pointer: Write = {
    label: 'bootstrap',
    table: 'tenants',
    update: bootstrapKey,
    change: {
      set: { admin_key_hash: record.key_hash },
      condition: '#admin_key_hash = :before',
      values: { before: before.admin_key_hash },
    },
  };
  const others = tenant.active_keys.filter((hash) => hash !== before.admin_key_hash);
  const revocation =
    others.length < tenant.active_keys.length
      ? { hash: before.admin_key_hash, set: revocationFields(store) }
      : undefined;
  await transact(store, [
    ...changeTenant(store, tenant, { active_keys: [...others, record.key_hash] }, revocation),
    putApiKey(record),
    pointer,
    auditWrite(store, entry(store, tenant.id, 'platform.rotate_admin')),
  ]);
  return { kind: 'rotated', tenantId: tenant.id, adminKey: apiKey };
}

const entry = (store: Store, tenantId: string, action: string): AuditEntry => ({
  tenant_id: tenantId,
  timestamp: isoTime(store.clock.now()),
  action,
  resource: `tenants/${tenantId}`,
  metadata: {},
  request_id: newUuid(),
  actor: 'system',
  source_ip: null,
  user_agent: null,
  outcome: 'allowed',
  status: null,
});
