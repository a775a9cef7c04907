import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ResourceNotFoundException,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { type } from 'arktype';
import type { Provider } from '../../shared/agents.ts';
import { isoTime } from '../../shared/clock.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { parseProviderKeySecret } from '../../shared/secrets/secrets.ts';
import { putEntry } from '../../shared/store/audit/put-entry.ts';
import type { ApiDeps } from '../deps.ts';
import { putMetric } from '../metric.ts';
import { testProviderKey } from './test-provider-key.ts';

/** What Secrets Manager calls a rotation function with, four times. Source: AWS, Secrets Manager guide. */
const RotationEvent = type({
  Step: "'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret'",
  SecretId: 'string',
  ClientRequestToken: 'string',
});
type RotationEvent = typeof RotationEvent.infer;

/** Why a rotation stops: Secrets Manager then keeps the current key. */
class RotationRefused extends Error {
  override readonly name = 'RotationRefused';
}

/**
 * Row S3: one step of the rotation of a tenant's provider key. Nobody can mint a provider's key but the tenant,
 * so `createSecret` looks for the one that it staged: without it the rotation is overdue, which is recorded as
 * `secret.rotation_due`. `setSecret` has nothing to set. `testSecret` calls the provider with the new key.
 * `finishSecret` makes it current, and Secrets Manager keeps the one before as AWSPREVIOUS. Every step may be
 * repeated. Throws RotationRefused.
 */
export async function rotateSecretStep(deps: ApiDeps, input: unknown): Promise<void> {
  const event = RotationEvent.assert(input);
  const secret = await deps.secrets.client.send(new DescribeSecretCommand({ SecretId: event.SecretId }));
  const owner = parseProviderKeySecret(secret.Name ?? '');
  if (owner === undefined) throw new RotationRefused('not a provider key');
  const stages = secret.VersionIdsToStages ?? {};
  const staged = stages[event.ClientRequestToken];
  if (staged?.includes('AWSCURRENT') === true) return;
  switch (event.Step) {
    case 'createSecret':
      if ((await stagedKey(deps, event)) !== undefined) return;
      await dropStaged(deps, event);
      await record(deps, owner, event, 'secret.rotation_due');
      putMetric(deps, 'secret.rotations_due', { name: 'RotationsDue', unit: 'Count', value: 1 });
      throw new RotationRefused('the tenant has supplied no new key');
    case 'setSecret':
      return;
    case 'testSecret':
      return test(deps, owner, event);
    case 'finishSecret':
      return finish(deps, owner, event, stages);
  }
}

type Owner = { readonly tenantId: string; readonly name: Provider };

async function test(deps: ApiDeps, owner: Owner, event: RotationEvent): Promise<void> {
  const key = await stagedKey(deps, event);
  // Secrets Manager tries this step when a schedule is set, with a version that has no value.
  if (key === undefined || (await testProviderKey(owner.name, key, deps.settings.providerTestUrl))) return;
  await dropStaged(deps, event);
  await record(deps, owner, event, 'secret.rotation_failed');
  throw new RotationRefused('the provider does not accept the new key');
}

/** The key that the tenant has staged; undefined when the version that Secrets Manager made is still empty. */
async function stagedKey(deps: ApiDeps, event: RotationEvent): Promise<string | undefined> {
  try {
    const answer = await deps.secrets.client.send(
      new GetSecretValueCommand({ SecretId: event.SecretId, VersionId: event.ClientRequestToken }),
    );
    return answer.SecretString;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

/** Takes the label off, so that the rotation is over and the tenant can stage another key. */
const dropStaged = (deps: ApiDeps, event: RotationEvent) =>
  deps.secrets.client.send(
    new UpdateSecretVersionStageCommand({
      SecretId: event.SecretId,
      VersionStage: 'AWSPENDING',
      RemoveFromVersionId: event.ClientRequestToken,
    }),
  );

async function finish(
  deps: ApiDeps,
  owner: Owner,
  event: RotationEvent,
  stages: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const current = Object.entries(stages).find(([, labels]) => labels.includes('AWSCURRENT'))?.[0];
  await deps.secrets.client.send(
    new UpdateSecretVersionStageCommand({
      SecretId: event.SecretId,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: event.ClientRequestToken,
      ...(current === undefined ? {} : { RemoveFromVersionId: current }),
    }),
  );
  deps.providerKeys.forget(owner.tenantId, owner.name);
  await record(deps, owner, event, 'secret.rotated');
}

/** One entry a rotation and deed, however often a step is repeated. */
async function record(deps: ApiDeps, owner: Owner, event: RotationEvent, action: string): Promise<void> {
  const entry: AuditEntry = {
    tenant_id: owner.tenantId,
    timestamp: isoTime(deps.clock.now()),
    action,
    resource: `tenants/${owner.tenantId}/secrets/${owner.name}`,
    metadata: {},
    request_id: `${event.ClientRequestToken}:${action}`,
    actor: 'system',
    source_ip: null,
    user_agent: null,
    outcome: action === 'secret.rotated' ? 'allowed' : 'failed',
    status: null,
  };
  await putEntry(deps.store, entry, 'committed');
  deps.log.info(action, { tenant_id: owner.tenantId, secret: owner.name });
}
