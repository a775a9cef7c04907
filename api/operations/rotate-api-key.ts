import { type } from 'arktype';
import { isoTime } from '../../shared/clock.ts';
import { notFound, OutpostError } from '../../shared/errors.ts';
import type { ApiKeyRecord } from '../../shared/model/api-key.ts';
import { newApiKey, putApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { findApiKey } from '../../shared/store/api-keys/list-api-keys.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import { type Caller, isAdmin } from '../caller.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { requireWorkingTenant, withTenant } from './find-tenant.ts';
import { issued, type IssuedKey, withRoom } from './issue-api-key.ts';

const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;

export const RotationRequest = type({
  '+': 'reject',
  'overlap_seconds?': `0 <= number.integer <= ${DAY_SECONDS}`,
});

/**
 * Replaces a key by a new one with the same name, scopes and limits. The old one works for `overlap_seconds`
 * more (an hour unless said otherwise, a day at most), so that no client is cut off. Throws not_found,
 * conflict, key_limit_reached, forbidden for a key that may do more than the caller's.
 */
export async function rotateApiKey(
  deps: ApiDeps,
  caller: Caller,
  tenantId: string,
  keyId: string,
  input: typeof RotationRequest.infer,
  change: Change,
): Promise<IssuedKey> {
  return withTenant(deps, tenantId, async (tenant) => {
    const old = await findApiKey(deps.store, tenantId, keyId);
    if (old === undefined) throw notFound('API key');
    if (old.revoked) throw new OutpostError('conflict', 'The key is revoked. Issue a new one.');
    requireGrantable(caller, old);
    const ownKey = old.key_hash === caller.keyHash;
    if (ownKey) requireWorkingTenant(tenant);
    const roomy = await withRoom(deps.store, tenant);
    const { apiKey, record } = newApiKey(deps.store, deps.settings.pepper, tenant, {
      name: old.name,
      mode: old.mode,
      scopes: old.scopes,
      expiresAt: null,
      requestsPerMinute: old.requests_per_minute,
    });
    const ends = isoTime(deps.clock.now() + (input.overlap_seconds ?? HOUR_SECONDS) * 1000);
    const answer = issued(record, apiKey);
    await change.commit(
      [
        ...changeTenant(
          deps.store,
          tenant,
          { active_keys: [...roomy.active_keys, record.key_hash] },
          {
            hash: old.key_hash,
            set: { expires_at: old.expires_at !== null && old.expires_at < ends ? old.expires_at : ends },
          },
        ),
        putApiKey(record),
      ],
      answer.first,
      {
        metadata: { new_key_id: record.key_id },
        replay: answer.again,
        ...(ownKey ? { withoutKeyCheck: true } : {}),
      },
    );
    deps.keyring.forget(old.key_hash);
    return answer.first.body;
  });
}

/** The answer shows the new key, so it may be able to do no more than the one that asks. */
function requireGrantable(caller: Caller, old: ApiKeyRecord): void {
  if (isAdmin(caller)) return;
  const beyond = old.scopes.filter((scope) => !caller.scopes.includes(scope));
  if (beyond.length > 0) throw new OutpostError('forbidden', `This key may not grant ${beyond.join(', ')}.`);
  const own = caller.keyRequestsPerMinute;
  if (own !== null && (old.requests_per_minute ?? Number.POSITIVE_INFINITY) > own) {
    throw new OutpostError('forbidden', `This key may not grant more than ${own} requests a minute.`);
  }
}
