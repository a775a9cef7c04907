import {
  InvalidRequestException,
  PutSecretValueCommand,
  RotateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import type { Provider } from '../../shared/agents.ts';
import { OutpostError } from '../../shared/errors.ts';
import { newUuid } from '../../shared/ids.ts';
import type { ProviderSecret } from '../../shared/model/provider-secret.ts';
import { ROTATE_AFTER_DAYS } from '../../shared/secrets/provider-secret-store.ts';
import { providerKeySecret } from '../../shared/secrets/secrets.ts';
import type { Change } from '../change.ts';
import type { ApiDeps } from '../deps.ts';
import { requireSecret, type SecretRequest } from './provider-secrets.ts';

/**
 * Begins the rotation of a provider key: the new one is staged, tested against the provider, and only then
 * made current; until then, and when the provider refuses it, jobs run with the old one. Throws not_found,
 * conflict for a key that is scheduled for deletion, unavailable where no rotation function is set up.
 */
export async function rotateSecret(
  deps: ApiDeps,
  target: { readonly tenantId: string; readonly name: Provider },
  input: typeof SecretRequest.infer,
  change: Change,
): Promise<ProviderSecret> {
  const known = await requireSecret(deps, target);
  if (known.status !== 'active') {
    throw new OutpostError('conflict', 'The key is scheduled for deletion. Restore or replace it first.');
  }
  const secret = await change.announced(async () => {
    await stage(deps, target, input.value);
    return requireSecret(deps, target);
  });
  await change.commit([], { status: 202, body: secret });
  return secret;
}

/** Stages the new key and has Secrets Manager begin. */
async function stage(
  deps: ApiDeps,
  target: { readonly tenantId: string; readonly name: Provider },
  value: string,
): Promise<void> {
  const functionArn = deps.settings.rotationFunctionArn;
  if (functionArn === undefined) {
    throw new OutpostError('unavailable', 'Rotation is not set up here. Replace the key with PUT.');
  }
  const SecretId = providerKeySecret(target.tenantId, target.name);
  const token = newUuid();
  await deps.secrets.client.send(
    new PutSecretValueCommand({
      SecretId,
      SecretString: value,
      ClientRequestToken: token,
      VersionStages: ['AWSPENDING'],
    }),
  );
  try {
    await deps.secrets.client.send(
      new RotateSecretCommand({
        SecretId,
        ClientRequestToken: token,
        RotationLambdaARN: functionArn,
        RotationRules: { AutomaticallyAfterDays: ROTATE_AFTER_DAYS },
      }),
    );
  } catch (error) {
    // An earlier rotation is unfinished; Secrets Manager tries it again, now with the value staged above.
    if (!(error instanceof InvalidRequestException)) throw error;
  }
}
