import { type } from 'arktype';
import { isoTime } from '../../shared/clock.ts';
import { invalidField, OutpostError } from '../../shared/errors.ts';
import { type ApiKey, type ApiKeyRecord, publicApiKey, Scope, SCOPES } from '../../shared/model/api-key.ts';
import { DisplayName, Timestamp } from '../../shared/model/primitives.ts';
import type { TenantRecord } from '../../shared/model/tenant.ts';
import { ACTIVE_KEYS_MAX, addApiKey, newApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { unexpiredKeys } from '../../shared/store/api-keys/unexpired-keys.ts';
import type { Store } from '../../shared/store/store.ts';
import { type Caller, isAdmin } from '../caller.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { withTenant } from './find-tenant.ts';

export const ApiKeyRequest = type({
  '+': 'reject',
  name: DisplayName,
  'scopes?': Scope.array().atLeastLength(1).atMostLength(SCOPES.length),
  'mode?': "'live' | 'test'",
  'expires_at?': Timestamp.or('null'),
  'requests_per_minute?': '1 <= number.integer <= 1000000 | null',
});
type ApiKeyRequest = typeof ApiKeyRequest.infer;

/** A new key: in clear in this answer and never again. A replayed answer has null in its place. */
export type IssuedKey = ApiKey & { readonly api_key: string | null };

/**
 * Issues a key of a tenant with at most the caller's own scopes and, unless the operator asks, the limit of the
 * caller's key. Throws forbidden for a scope that the caller
 * lacks, invalid_request for an expiry in the past, key_limit_reached, not_found, conflict.
 */
export async function issueApiKey(
  deps: ApiDeps,
  caller: Caller,
  tenantId: string,
  input: ApiKeyRequest,
  change: Change,
): Promise<IssuedKey> {
  const scopes = grantedScopes(caller, tenantId, input.scopes);
  const { requests_per_minute: perMinute = null, expires_at: expiresAt = null } = input;
  if (perMinute !== null && !isAdmin(caller)) {
    throw new OutpostError('forbidden', 'Only the operator may set requests_per_minute.');
  }
  if (expiresAt !== null && !isCalendarTime(expiresAt)) {
    throw invalidField('expires_at', 'must be a day that exists.');
  }
  if (expiresAt !== null && Date.parse(expiresAt) <= deps.clock.now()) {
    throw invalidField('expires_at', 'must lie in the future.');
  }
  return withTenant(deps, tenantId, async (tenant) => {
    const roomy = await withRoom(deps.store, tenant);
    const { apiKey, record } = newApiKey(deps.store, deps.settings.pepper, tenant, {
      name: input.name,
      // A test key cannot make a live one.
      mode: caller.mode === 'test' ? 'test' : (input.mode ?? 'live'),
      scopes,
      expiresAt,
      requestsPerMinute: isAdmin(caller) ? perMinute : caller.keyRequestsPerMinute,
    });
    const answer = issued(record, apiKey);
    await change.commit(addApiKey(deps.store, roomy, record), answer.first, {
      resource: `tenants/${tenantId}/api-keys/${record.key_id}`,
      metadata: { scopes: scopes.join(' ') },
      replay: answer.again,
    });
    return answer.first.body;
  });
}

/** False for the 30th of February, which Date.parse moves into March. */
function isCalendarTime(text: string): boolean {
  const at = Date.parse(text);
  return !Number.isNaN(at) && isoTime(at) === text;
}

/** The answer that shows the key, and the one that a repetition gets. */
export function issued(record: ApiKeyRecord, apiKey: string) {
  const key = publicApiKey(record, null);
  return {
    first: { status: 201, body: { ...key, api_key: apiKey } },
    again: { status: 201, body: { ...key, api_key: null } },
  };
}

/** The tenant without its expired keys, when there is room for no other. Throws key_limit_reached. */
export async function withRoom(store: Store, tenant: TenantRecord): Promise<TenantRecord> {
  if (tenant.active_keys.length < ACTIVE_KEYS_MAX) return tenant;
  const inForce = await unexpiredKeys(store, tenant);
  if (inForce.length < ACTIVE_KEYS_MAX) return { ...tenant, active_keys: inForce };
  throw new OutpostError('key_limit_reached', `A tenant may have ${ACTIVE_KEYS_MAX} keys. Revoke one first.`);
}

/** A subset of the caller's. `admin` stays in the operator's own tenant: it is power over all of them. */
function grantedScopes(caller: Caller, tenantId: string, asked: readonly Scope[] | undefined): Scope[] {
  const own = isAdmin(caller) ? SCOPES : caller.scopes;
  const grantable = own.filter((scope) => scope !== 'admin' || tenantId === caller.tenantId);
  const wanted = [...new Set(asked ?? grantable.filter((scope) => scope !== 'admin'))];
  const refused = wanted.filter((scope) => !grantable.includes(scope));
  if (refused.length > 0) {
    throw new OutpostError('forbidden', `This key may not grant ${refused.join(', ')}.`, {
      errors: [{ field: 'scopes', message: 'must be a subset of the scopes of the key that asks' }],
    });
  }
  return wanted;
}
