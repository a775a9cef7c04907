import { type } from 'arktype';
import { declaredBy } from './declared-by.ts';
import { DisplayName, NonNegativeInteger, Timestamp, Ulid, Uuid } from './primitives.ts';
import { LimitOverrides, Plan, TenantStatus } from './tenant.ts';

/** What a key may do. `admin` is the operator's and implies all others, over every tenant. */
export const SCOPES = [
  'jobs:read',
  'jobs:write',
  'tenant:read',
  'tenant:write',
  'audit:read',
  'billing:read',
  'billing:write',
  'admin',
] as const;

export const Scope = type.enumerated(...SCOPES);
export type Scope = typeof Scope.infer;

/** `op_live_` or `op_test_` and 128 random bits; anything else is refused without a read. */
export const API_KEY_PATTERN = /^op_(live|test)_[0-9a-f]{32}$/;

const HASH = /^[0-9a-f]{64}$/;

export const ApiKey = type({
  key_id: Ulid,
  tenant_id: Uuid,
  name: DisplayName,
  mode: "'live' | 'test'",
  scopes: Scope.array(),
  /** Overrides the tenant's requests a minute for this key; null: the tenant's limit. */
  requests_per_minute: 'number.integer >= 1 & number.safe | null',
  created_at: Timestamp,
  /** Coalesced to a minute; null when never used. */
  last_used: Timestamp.or('null'),
  expires_at: Timestamp.or('null'),
  revoked: 'boolean',
  revoked_at: Timestamp.or('null'),
});
export type ApiKey = typeof ApiKey.infer;

/**
 * A key as stored under its own hash, so that authentication is one strongly consistent read: it carries a
 * copy of the tenant, rewritten together with the tenant in one transaction. last_used lives elsewhere.
 */
export const ApiKeyRecord = ApiKey.omit('last_used').and({
  key_hash: HASH,
  tenant_status: TenantStatus,
  tenant_plan: Plan,
  tenant_limits: LimitOverrides,
  tenant_billing_anchor: Timestamp,
  'tenant_spend_cap?': NonNegativeInteger.or('null'),
});
export type ApiKeyRecord = typeof ApiKeyRecord.infer;

/** The key as its owner may see it: what the model declares, and never the hash. */
export function publicApiKey(record: ApiKeyRecord, lastUsed: string | null): ApiKey {
  return ApiKey.assert({ ...publicFields(record), last_used: lastUsed });
}

const publicFields = declaredBy(ApiKey);
