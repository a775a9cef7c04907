import { OutpostError } from '../shared/errors.ts';
import { isoTime } from '../shared/clock.ts';
import { ApiKeyRecord, type Scope } from '../shared/model/api-key.ts';
import type { Plan, TenantStatus } from '../shared/model/tenant.ts';
import { apiKeyKey } from '../shared/store/item-keys.ts';
import { fromItem, getItem } from '../shared/store/store.ts';
import { effectiveLimits, type Limits } from '../shared/plans.ts';
import type { ApiDeps } from './deps.ts';

/** Who asks: the tenant comes from here alone. */
export type Caller = {
  readonly tenantId: string;
  readonly keyId: string;
  readonly keyHash: string;
  readonly mode: 'live' | 'test';
  readonly scopes: readonly Scope[];
  readonly plan: Plan;
  readonly limits: Limits;
  /** The limit that the operator set on this very key; null: the tenant's. What it mints has no higher one. */
  readonly keyRequestsPerMinute: number | null;
  readonly tenantStatus: TenantStatus;
  /** Epoch milliseconds. */
  readonly billingAnchor: number;
  /** When the key ends: whoever was vouched for earlier is looked at again. */
  readonly expiresAt: string | null;
};

export const isAdmin = (caller: Caller): boolean => caller.scopes.includes('admin');

const REFUSED = 'Send a valid key as `Authorization: Bearer op_live_...`.';

/**
 * The caller behind an Authorization header. Throws `unauthenticated`, in the same words whatever is wrong
 * with the key, so that nothing is told about keys that exist. `onRead`: see Keyring.
 */
export async function authenticate(
  deps: ApiDeps,
  authorization: string | null,
  onRead?: (keyHash: string) => void,
): Promise<Caller> {
  const apiKey = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const record = apiKey === undefined ? undefined : await deps.keyring.find(apiKey, onRead);
  if (record === undefined || !inForce(record, isoTime(deps.clock.now()))) {
    throw new OutpostError('unauthenticated', REFUSED);
  }
  return callerOf(record);
}

/**
 * A caller that the gateway's authorizer vouched for, perhaps minutes ago: its key may have expired since.
 * Throws `unauthenticated`.
 */
export function stillInForce(caller: Caller, now: string): Caller {
  if (caller.expiresAt === null || caller.expiresAt > now) return caller;
  throw new OutpostError('unauthenticated', REFUSED);
}

/** A key of a suspended tenant may still read, so that its owner sees why; a deleted tenant has no keys. */
const inForce = (record: ApiKeyRecord, now: string): boolean =>
  !record.revoked &&
  (record.expires_at === null || record.expires_at > now) &&
  record.tenant_status !== 'deleted';

function callerOf(record: ApiKeyRecord): Caller {
  const limits = effectiveLimits(record.tenant_plan, record.tenant_limits, record.tenant_spend_cap);
  return {
    tenantId: record.tenant_id,
    keyId: record.key_id,
    keyHash: record.key_hash,
    mode: record.mode,
    scopes: record.scopes,
    plan: record.tenant_plan,
    keyRequestsPerMinute: record.requests_per_minute,
    limits: { ...limits, requests_per_minute: record.requests_per_minute ?? limits.requests_per_minute },
    tenantStatus: record.tenant_status,
    billingAnchor: Date.parse(record.tenant_billing_anchor),
    expiresAt: record.expires_at,
  };
}

/**
 * The caller with what its key says now: for one whose copy of the tenant turned out to be old. Throws
 * `unauthenticated`.
 */
export async function rereadCaller(deps: ApiDeps, caller: Caller): Promise<Caller> {
  deps.keyring.forget(caller.keyHash);
  const item = await getItem(deps.store, 'tenants', apiKeyKey(caller.keyHash));
  const record = item && fromItem(ApiKeyRecord, item);
  if (record === undefined || !inForce(record, isoTime(deps.clock.now()))) {
    throw new OutpostError('unauthenticated', REFUSED);
  }
  return callerOf(record);
}

/** Whether a caller whose request goes on for long would be let in again: its key may have been revoked since. */
export async function stillAuthenticated(deps: ApiDeps, caller: Caller): Promise<boolean> {
  try {
    await rereadCaller(deps, caller);
    return true;
  } catch (error) {
    if (error instanceof OutpostError && error.errorCode === 'unauthenticated') return false;
    throw error;
  }
}

/** Throws `forbidden` unless the caller's key carries the scope; `admin` implies every other. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.includes(scope) || isAdmin(caller)) return;
  throw new OutpostError('forbidden', `This key lacks the scope ${scope}.`);
}
