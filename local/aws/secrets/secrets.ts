import type { Database } from 'bun:sqlite';
import type { Type } from 'arktype';
import { parseInput } from '../input.ts';
import type { JsonService, Now } from '../service.ts';
import { seconds, when, type Context } from './context.ts';
import { invalidParameter, markedForDeletion, SECRETS_CODES, secretNotFound } from './errors.ts';
import { INPUTS, type DeleteInput, type RotateInput } from './inputs.ts';
import { batchGetSecretValue, describeSecret, listSecrets, listSecretVersionIds, tagsOf } from './listing.ts';
import { createRotations } from './rotation.ts';
import { createSchema } from './schema.ts';
import { createSecretStore, newArn, type Secret } from './store.ts';
import {
  createSecret,
  getSecretValue,
  named,
  putSecretValue,
  updateSecret,
  updateSecretVersionStage,
} from './values.ts';
import { createVersions, PENDING } from './versions.ts';

type Operation = (context: Context, input: Record<string, unknown>) => unknown;

const DAY_MS = 86_400_000;
const DEFAULT_WINDOW_DAYS = 30;
const MAX_TAGS = 50;
/** How often lapsed secrets are deleted while nobody asks. */
const DELETION_MS = 60_000;

const OPERATIONS: Record<string, Operation> = {
  CreateSecret: operation(INPUTS.create, createSecret),
  GetSecretValue: operation(INPUTS.get, getSecretValue),
  BatchGetSecretValue: operation(INPUTS.batchGet, batchGetSecretValue),
  PutSecretValue: operation(INPUTS.put, putSecretValue),
  UpdateSecret: operation(INPUTS.update, updateSecret),
  UpdateSecretVersionStage: operation(INPUTS.updateStage, updateSecretVersionStage),
  DescribeSecret: operation(INPUTS.ofSecret, (context, { SecretId }) => describeSecret(context, SecretId)),
  ListSecrets: operation(INPUTS.list, listSecrets),
  ListSecretVersionIds: operation(INPUTS.listVersions, listSecretVersionIds),
  DeleteSecret: operation(INPUTS.delete, deleteSecret),
  RestoreSecret: operation(INPUTS.ofSecret, ({ store }, { SecretId }) => {
    const secret = store.any(SecretId);
    store.change(secret.id, { delete_at: null });
    return named(secret);
  }),
  RotateSecret: operation(INPUTS.rotate, rotateSecret),
  CancelRotateSecret: operation(INPUTS.ofSecret, ({ store, versions }, { SecretId }) => {
    const secret = store.live(SecretId);
    store.change(secret.id, { rotation_enabled: 0, rotate_at: null });
    return { ...named(secret), ...when('VersionId', versions.byStage(secret.id, PENDING)?.versionId) };
  }),
  TagResource: operation(INPUTS.tag, ({ store }, { SecretId, Tags }) => {
    const secret = store.live(SecretId);
    const kept = tagsOf(secret).filter(({ Key }) => !Tags.some((tag) => tag.Key === Key));
    const tags = [...kept, ...Tags];
    if (tags.length > MAX_TAGS) throw invalidParameter(`A secret can have at most ${MAX_TAGS} tags.`);
    store.change(secret.id, { tags: JSON.stringify(tags) });
  }),
  UntagResource: operation(INPUTS.untag, ({ store }, { SecretId, TagKeys }) => {
    const secret = store.live(SecretId);
    store.change(secret.id, {
      tags: JSON.stringify(tagsOf(secret).filter(({ Key }) => !TagKeys.includes(Key))),
    });
  }),
};

/**
 * Secrets Manager. `functionsUrl` is where rotation functions answer; without it RotateSecret is refused.
 * docs/local-aws.md says what it leaves out.
 */
export function createSecrets(database: Database, now: Now, functionsUrl?: string): JsonService {
  createSchema(database);
  const store = createSecretStore(database, now);
  const versions = createVersions(database, now);
  const rotations = createRotations({ store, versions, now, functionsUrl });
  const context: Context = { store, versions, rotations, now };
  const run = database.transaction((name: string, input: Record<string, unknown>) =>
    OPERATIONS[name]?.(context, input),
  );
  const deletion = setInterval(() => store.removeLapsed(), DELETION_MS);
  return {
    targetPrefix: 'secretsmanager',
    jsonVersion: '1.1',
    operations: Object.keys(OPERATIONS),
    handle(name, input) {
      // Outside the operation's transaction, which a refusal takes back.
      store.removeLapsed();
      return run(name, input);
    },
    stop() {
      clearInterval(deletion);
      rotations.stop();
    },
  };
}

/** An operation that parses its input first. */
function operation<T extends object>(
  schema: Type<T>,
  run: (context: Context, input: T) => unknown,
): Operation {
  return (context, input) => run(context, parseInput(schema, input, SECRETS_CODES));
}

function deleteSecret({ store, now }: Context, input: DeleteInput): object {
  const { SecretId, ForceDeleteWithoutRecovery: force, RecoveryWindowInDays: days } = input;
  if (force === true && days !== undefined) {
    throw invalidParameter(
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  }
  if (days !== undefined && (days < 7 || days > 30)) {
    throw invalidParameter('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).');
  }
  const secret = store.find(SecretId);
  if (force === true) return forceDelete(secret, SecretId, store.remove, now());
  if (secret === undefined) throw secretNotFound();
  if (secret.delete_at !== null) throw markedForDeletion();
  const deleteAt = now() + (days ?? DEFAULT_WINDOW_DAYS) * DAY_MS;
  store.change(secret.id, { delete_at: deleteAt });
  return { ...named(secret), DeletionDate: seconds(deleteAt) };
}

/** Answers as if the secret had been there: AWS does not say ResourceNotFound here. */
function forceDelete(
  secret: Secret | undefined,
  secretId: string,
  remove: (id: number) => void,
  time: number,
): object {
  const names = secret === undefined ? { ARN: newArn(secretId), Name: secretId } : named(secret);
  if (secret !== undefined) remove(secret.id);
  return { ...names, DeletionDate: seconds(time) };
}

function rotateSecret({ store, rotations }: Context, input: RotateInput): object {
  const secret = store.live(input.SecretId);
  return { ...named(secret), ...when('VersionId', rotations.rotate(secret, input)) };
}
