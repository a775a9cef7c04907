import { CreateSecretCommand, ResourceExistsException } from '@aws-sdk/client-secrets-manager';
import { randomHex } from '../../shared/ids.ts';
import { readSecret } from '../../shared/secrets/read-secret.ts';
import { platformSecret, type Secrets } from '../../shared/secrets/secrets.ts';

const PEPPER_BYTES = 32;

/** The deployment's pepper; made the first time. Never replaced: without it every API key would be void. */
export async function ensurePepper(secrets: Secrets): Promise<string> {
  const name = platformSecret(secrets.environment, 'pepper');
  const existing = await readSecret(secrets, name);
  if (existing !== undefined) return existing;
  const pepper = randomHex(PEPPER_BYTES);
  try {
    await secrets.client.send(
      new CreateSecretCommand({
        Name: name,
        SecretString: pepper,
        Description: 'Key of the HMAC over API keys',
      }),
    );
    return pepper;
  } catch (error) {
    // Made by somebody else at the same moment, or scheduled for deletion: then it must be restored by hand.
    const made = error instanceof ResourceExistsException ? await readSecret(secrets, name) : undefined;
    if (made === undefined) throw error;
    return made;
  }
}
