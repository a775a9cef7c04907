import { type } from 'arktype';
import type { Provider } from '../../shared/agents.ts';
import { describeError, notFound } from '../../shared/errors.ts';
import type { ProviderSecret } from '../../shared/model/provider-secret.ts';
import {
  deleteProviderSecret,
  describeProviderSecret,
  putProviderSecret,
  restoreProviderSecret,
  scheduleRotation,
} from '../../shared/secrets/provider-secret-store.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { findTenant } from './find-tenant.ts';

/** Visible ASCII, as HTTP headers carry it; the longest provider keys have a few hundred characters. */
export const SecretRequest = type({
  '+': 'reject',
  value: type(/^[\x21-\x7e]{8,4096}$/).describe('8 to 4096 printable ASCII characters without spaces'),
});

type Target = { readonly tenantId: string; readonly name: Provider };

/** Stores or replaces a tenant's provider key. Write-only: nothing ever shows it again. Throws not_found. */
export async function putSecret(
  deps: ApiDeps,
  target: Target,
  input: typeof SecretRequest.infer,
  change: Change,
): Promise<ProviderSecret> {
  await findTenant(deps, target.tenantId);
  return apply(deps, target, change, async () => {
    await putProviderSecret(deps.secrets, target.tenantId, target.name, input.value);
    await remindOfRotation(deps, target);
  });
}

/** Sets the date of the next rotation, unless there is one. The key is stored all the same where that fails. */
async function remindOfRotation(deps: ApiDeps, { tenantId, name }: Target): Promise<void> {
  const functionArn = deps.settings.rotationFunctionArn;
  if (functionArn === undefined) return;
  try {
    const secret = await describeProviderSecret(deps.secrets, tenantId, name);
    if (secret?.rotation_due_at === null) await scheduleRotation(deps.secrets, tenantId, name, functionArn);
  } catch (error) {
    deps.log.warn('secret.schedule_failed', { tenant_id: tenantId, secret: name, ...describeError(error) });
  }
}

/** Schedules a provider key for deletion: at once no job can read it, and for a week it can be restored. */
export async function deleteSecret(deps: ApiDeps, target: Target, change: Change): Promise<ProviderSecret> {
  await requireSecret(deps, target);
  return apply(deps, target, change, () => deleteProviderSecret(deps.secrets, target.tenantId, target.name));
}

/** Takes a deletion back. Throws not_found when there is nothing to restore. */
export async function restoreSecret(deps: ApiDeps, target: Target, change: Change): Promise<ProviderSecret> {
  await requireSecret(deps, target);
  return apply(deps, target, change, () => restoreProviderSecret(deps.secrets, target.tenantId, target.name));
}

/** What is known of a provider key. Throws not_found. */
export async function requireSecret(deps: ApiDeps, target: Target): Promise<ProviderSecret> {
  const secret = await describeProviderSecret(deps.secrets, target.tenantId, target.name);
  if (secret === undefined) throw notFound('secret');
  return secret;
}

/** A secret lies outside the tables' transactions: announced before, committed after. */
async function apply(
  deps: ApiDeps,
  target: Target,
  change: Change,
  run: () => Promise<void>,
): Promise<ProviderSecret> {
  const secret = await change.announced(async () => {
    try {
      await run();
    } finally {
      // It may have been changed even where the answer was lost.
      deps.providerKeys.forget(target.tenantId, target.name);
    }
    return requireSecret(deps, target);
  });
  await change.commit([], { status: 200, body: secret });
  return secret;
}
