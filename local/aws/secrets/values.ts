import { AwsError } from '../errors.ts';
import { seconds, when, type Context } from './context.ts';
import { alreadyExists, invalidParameter, invalidRequest, valueNotFound } from './errors.ts';
import type { CreateInput, GetInput, PutInput, UpdateInput, UpdateStageInput } from './inputs.ts';
import type { Secret } from './store.ts';
import { CURRENT, hasValue, type Value, type Version } from './versions.ts';

const DAY_MS = 86_400_000;
const MAX_VALUE_BYTES = 65_536;

export function createSecret(context: Context, input: CreateInput): object {
  const { store, versions } = context;
  const value = valueOf(input);
  const existing = store.find(input.Name);
  if (existing !== undefined) return repeatedCreate(context, existing, input, value);
  const secret = store.insert({
    name: input.Name,
    description: input.Description ?? null,
    kms_key_id: input.KmsKeyId ?? null,
    tags: JSON.stringify(input.Tags ?? []),
  });
  if (value === undefined) return named(secret);
  const versionId = input.ClientRequestToken ?? crypto.randomUUID();
  versions.put(secret.id, versionId, value, [CURRENT]);
  return { ...named(secret), VersionId: versionId };
}

/** The same request again, known by its token and value, succeeds again. */
function repeatedCreate(
  context: Context,
  secret: Secret,
  input: CreateInput,
  value: Value | undefined,
): object {
  if (secret.delete_at !== null) {
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  const token = input.ClientRequestToken;
  const version = token === undefined ? undefined : context.versions.byId(secret.id, token);
  if (version === undefined || version.string !== value?.string || version.binary !== value.binary) {
    throw alreadyExists(`The operation failed because the secret ${secret.name} already exists.`);
  }
  return { ...named(secret), VersionId: version.versionId };
}

export function getSecretValue(context: Context, input: GetInput): object {
  const { store, now } = context;
  const secret = store.live(input.SecretId);
  const version = findVersion(context, secret, input);
  const today = Math.floor(now() / DAY_MS) * DAY_MS;
  // Kept to the day, as AWS does: a read costs a write once a day.
  if (secret.accessed_at !== today) store.change(secret.id, { accessed_at: today });
  return presentValue(secret, version);
}

function findVersion({ versions }: Context, secret: Secret, input: GetInput): Version {
  const { VersionId, VersionStage } = input;
  const version =
    VersionId === undefined
      ? versions.byStage(secret.id, VersionStage ?? CURRENT)
      : versions.byId(secret.id, VersionId);
  if (version === undefined || !hasValue(version)) {
    throw valueNotFound(
      VersionId === undefined ? `staging label: ${VersionStage ?? CURRENT}` : `VersionId: ${VersionId}`,
    );
  }
  if (VersionStage !== undefined && !version.stages.includes(VersionStage)) {
    throw invalidRequest('You provided a VersionStage that is not associated to the provided VersionId.');
  }
  return version;
}

function presentValue(secret: Secret, version: Version): object {
  return {
    ...named(secret),
    VersionId: version.versionId,
    ...when('SecretString', version.string),
    ...when('SecretBinary', version.binary),
    VersionStages: version.stages,
    CreatedDate: seconds(version.createdAt),
  };
}

/** The answer of one secret in BatchGetSecretValue: its value, or why not. */
export function tryGetValue(context: Context, secretId: string): { value: object } | { error: object } {
  try {
    return { value: getSecretValue(context, { SecretId: secretId }) };
  } catch (cause) {
    if (!(cause instanceof AwsError)) throw cause;
    return { error: { SecretId: secretId, ErrorCode: cause.awsCode, Message: cause.message } };
  }
}

export function putSecretValue(context: Context, input: PutInput): object {
  const secret = context.store.live(input.SecretId);
  const value = valueOf(input);
  if (value === undefined) throw invalidRequest('You must provide either SecretString or SecretBinary.');
  const versionId = addVersion(context, secret, input.ClientRequestToken, value, input.VersionStages);
  const stages = context.versions.byId(secret.id, versionId)?.stages ?? [];
  return { ...named(secret), VersionId: versionId, VersionStages: stages };
}

export function updateSecret(context: Context, input: UpdateInput): object {
  const secret = context.store.live(input.SecretId);
  context.store.change(secret.id, {
    description: input.Description ?? secret.description,
    kms_key_id: input.KmsKeyId ?? secret.kms_key_id,
    changed_at: context.now(),
  });
  const value = valueOf(input);
  if (value === undefined) return named(secret);
  return { ...named(secret), VersionId: addVersion(context, secret, input.ClientRequestToken, value) };
}

function addVersion(
  { store, versions, now }: Context,
  secret: Secret,
  token: string | undefined,
  value: Value,
  stages: readonly string[] = [CURRENT],
): string {
  const versionId = token ?? crypto.randomUUID();
  versions.put(secret.id, versionId, value, stages);
  store.change(secret.id, { changed_at: now() });
  return versionId;
}

export function updateSecretVersionStage(context: Context, input: UpdateStageInput): object {
  const { store, versions, now } = context;
  const secret = store.live(input.SecretId);
  const { VersionStage: stage, MoveToVersionId: to, RemoveFromVersionId: from } = input;
  for (const versionId of [to, from]) {
    if (versionId !== undefined && versions.byId(secret.id, versionId) === undefined) {
      throw valueNotFound(`VersionId: ${versionId}`);
    }
  }
  checkMove(stage, versions.byStage(secret.id, stage)?.versionId, to, from);
  if (to !== undefined) versions.moveStage(secret.id, stage, to);
  else versions.removeStage(secret.id, stage);
  store.change(secret.id, { changed_at: now() });
  return named(secret);
}

function checkMove(
  stage: string,
  holder: string | undefined,
  to: string | undefined,
  from: string | undefined,
): void {
  if (to === undefined && from === undefined) {
    throw invalidParameter('You must provide MoveToVersionId, RemoveFromVersionId, or both.');
  }
  if (to === undefined && stage === CURRENT) {
    throw invalidParameter(
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    );
  }
  if (holder === to && from === undefined) return;
  if (holder !== undefined && from === undefined) {
    throw invalidParameter(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (holder !== from) {
    throw invalidParameter(`Staging label ${stage} is not attached to version ${String(from)}.`);
  }
}

type ValueInput = { readonly SecretString?: string; readonly SecretBinary?: string };

function valueOf({ SecretString, SecretBinary }: ValueInput): Value | undefined {
  if (SecretString !== undefined && SecretBinary !== undefined) {
    throw invalidParameter("You can't specify both a binary secret value and a string secret value.");
  }
  if (SecretString === undefined && SecretBinary === undefined) return undefined;
  const bytes = Buffer.byteLength(
    SecretString ?? SecretBinary ?? '',
    SecretBinary === undefined ? 'utf8' : 'base64',
  );
  if (bytes > MAX_VALUE_BYTES) throw invalidParameter('The secret value is longer than 65536 bytes.');
  return { string: SecretString ?? null, binary: SecretBinary ?? null };
}

export const named = (secret: Secret): { ARN: string; Name: string } => ({
  ARN: secret.arn,
  Name: secret.name,
});
