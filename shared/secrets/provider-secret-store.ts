import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  RestoreSecretCommand,
  RotateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import { type Provider, PROVIDERS } from '../agents.ts';
import { newUuid } from '../ids.ts';
import type { ProviderSecret } from '../model/provider-secret.ts';
import { providerKeySecret, type Secrets } from './secrets.ts';

/** The window in which a deleted provider key can be restored. Secrets Manager allows 7 to 30. */
const RECOVERY_DAYS = 7;

/** How long a provider key may serve before its tenant is reminded to rotate it. */
export const ROTATE_AFTER_DAYS = 90;

const ALL = Object.keys(PROVIDERS) as Provider[];

/** What is known of a tenant's key for a provider; undefined when there is none. */
export async function describeProviderSecret(
  secrets: Secrets,
  tenantId: string,
  name: Provider,
): Promise<ProviderSecret | undefined> {
  try {
    const answer = await secrets.client.send(
      new DescribeSecretCommand({ SecretId: providerKeySecret(tenantId, name) }),
    );
    return metadata(name, answer);
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

/** All of a tenant's provider keys. Four reads by name: a listing would need a right over every tenant's. */
export async function listProviderSecrets(secrets: Secrets, tenantId: string): Promise<ProviderSecret[]> {
  const found = await Promise.all(ALL.map((name) => describeProviderSecret(secrets, tenantId, name)));
  return found.filter((secret) => secret !== undefined);
}

/** Stores or replaces a key; one that is scheduled for deletion comes back with the new value. */
export async function putProviderSecret(
  secrets: Secrets,
  tenantId: string,
  name: Provider,
  value: string,
): Promise<void> {
  const SecretId = providerKeySecret(tenantId, name);
  const token = newUuid();
  try {
    await secrets.client.send(
      new CreateSecretCommand({
        Name: SecretId,
        SecretString: value,
        ClientRequestToken: token,
        Tags: [{ Key: 'outpost:tenant', Value: tenantId }],
      }),
    );
    return;
  } catch (error) {
    if (!(error instanceof ResourceExistsException) && !isScheduled(error)) throw error;
  }
  const existing = await describeProviderSecret(secrets, tenantId, name);
  if (existing?.status === 'scheduled_for_deletion') {
    await secrets.client.send(new RestoreSecretCommand({ SecretId }));
  }
  await secrets.client.send(
    new PutSecretValueCommand({ SecretId, SecretString: value, ClientRequestToken: token }),
  );
}

/** From now on Secrets Manager asks for a new key after so many days; the tenant is told that one is due. */
export async function scheduleRotation(
  secrets: Secrets,
  tenantId: string,
  name: Provider,
  rotationFunctionArn: string,
): Promise<void> {
  await secrets.client.send(
    new RotateSecretCommand({
      SecretId: providerKeySecret(tenantId, name),
      RotationLambdaARN: rotationFunctionArn,
      RotationRules: { AutomaticallyAfterDays: ROTATE_AFTER_DAYS },
      RotateImmediately: false,
    }),
  );
}

/** Schedules a key for deletion. Doing it again changes nothing. */
export async function deleteProviderSecret(
  secrets: Secrets,
  tenantId: string,
  name: Provider,
): Promise<void> {
  try {
    await secrets.client.send(
      new DeleteSecretCommand({
        SecretId: providerKeySecret(tenantId, name),
        RecoveryWindowInDays: RECOVERY_DAYS,
      }),
    );
  } catch (error) {
    if (!isScheduled(error)) throw error;
  }
}

/** Takes a deletion back within its window. */
export async function restoreProviderSecret(
  secrets: Secrets,
  tenantId: string,
  name: Provider,
): Promise<void> {
  await secrets.client.send(new RestoreSecretCommand({ SecretId: providerKeySecret(tenantId, name) }));
}

/** Secrets Manager refuses to create or delete a name whose deletion is scheduled with this exception. */
const isScheduled = (error: unknown): boolean =>
  error instanceof Error && error.name === 'InvalidRequestException';

const iso = (date: Date | undefined): string | null => date?.toISOString() ?? null;

function metadata(name: Provider, answer: DescribeSecretCommandOutput): ProviderSecret {
  const deleted = answer.DeletedDate;
  const stages = Object.values(answer.VersionIdsToStages ?? {});
  return {
    name,
    status: deleted === undefined ? 'active' : 'scheduled_for_deletion',
    created_at: iso(answer.CreatedDate),
    updated_at: iso(answer.LastChangedDate),
    rotation: stages.some((labels) => labels.includes('AWSPENDING') && !labels.includes('AWSCURRENT'))
      ? 'pending'
      : 'idle',
    rotated_at: iso(answer.LastRotatedDate),
    rotation_due_at: iso(answer.NextRotationDate),
    deletes_at: iso(deleted),
  };
}
