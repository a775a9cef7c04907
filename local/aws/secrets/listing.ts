import { seconds, when, type Context } from './context.ts';
import { invalidParameter } from './errors.ts';
import type { BatchGetInput, Filters, ListInput, ListVersionsInput, Tag } from './inputs.ts';
import type { Secret } from './store.ts';
import { named, tryGetValue } from './values.ts';

const DEFAULT_PAGE = 100;
const DEFAULT_BATCH = 20;

export function listSecrets(context: Context, input: ListInput): object {
  const matching = context.store
    .all()
    .filter((secret) => input.IncludePlannedDeletion === true || secret.delete_at === null)
    .filter((secret) => matches(secret, input.Filters ?? []));
  const ordered = input.SortOrder === 'desc' ? matching.toReversed() : matching;
  const { items, next } = pageOf(
    ordered,
    ({ name }) => name,
    input.MaxResults ?? DEFAULT_PAGE,
    input.NextToken,
  );
  return {
    SecretList: items.map((secret) => ({
      ...metadata(secret),
      SecretVersionsToStages: stagesByVersion(context, secret),
    })),
    ...when('NextToken', next),
  };
}

export function describeSecret(context: Context, secretId: string): object {
  const secret = context.store.any(secretId);
  return { ...metadata(secret), VersionIdsToStages: stagesByVersion(context, secret) };
}

export function batchGetSecretValue(context: Context, input: BatchGetInput): object {
  const { SecretIdList, Filters } = input;
  if ((SecretIdList === undefined) === (Filters === undefined)) {
    throw invalidParameter('You must specify either SecretIdList or Filters, and not both.');
  }
  const ids =
    SecretIdList ??
    context.store
      .all()
      .filter((secret) => secret.delete_at === null && matches(secret, Filters ?? []))
      .map(({ name }) => name);
  const { items, next } = pageOf(ids, (id) => id, input.MaxResults ?? DEFAULT_BATCH, input.NextToken);
  const results = items.map((id) => tryGetValue(context, id));
  return {
    SecretValues: results.flatMap((result) => ('value' in result ? [result.value] : [])),
    Errors: results.flatMap((result) => ('error' in result ? [result.error] : [])),
    ...when('NextToken', next),
  };
}

export function listSecretVersionIds(context: Context, input: ListVersionsInput): object {
  const secret = context.store.any(input.SecretId);
  const versions = context.versions
    .list(secret.id)
    .filter(({ stages }) => input.IncludeDeprecated === true || stages.length > 0);
  const { items, next } = pageOf(
    versions,
    ({ versionId }) => versionId,
    input.MaxResults ?? DEFAULT_PAGE,
    input.NextToken,
  );
  return {
    ...named(secret),
    Versions: items.map(({ versionId, stages, createdAt }) => ({
      VersionId: versionId,
      VersionStages: stages,
      CreatedDate: seconds(createdAt),
    })),
    ...when('NextToken', next),
  };
}

/** The items after the one the token names, at most `size`, and the next token if more follow. */
function pageOf<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  size: number,
  token: string | undefined,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const after = token === undefined ? -1 : items.findIndex((item) => encodeToken(idOf(item)) === token);
  if (token !== undefined && after < 0) throw invalidParameter('Invalid NextToken.');
  const page = items.slice(after + 1, after + 1 + size);
  const last = page.at(-1);
  const more = last !== undefined && after + 1 + size < items.length;
  return { items: page, next: more ? encodeToken(idOf(last)) : undefined };
}

const encodeToken = (id: string): string => Buffer.from(id).toString('base64url');

/** Every filter must hold; a filter holds for any of its values. A value with `!` before it excludes. */
function matches(secret: Secret, filters: Filters): boolean {
  return filters.every(({ Key, Values }) =>
    Values.some((value) => {
      const wanted = value.startsWith('!') ? value.slice(1) : value;
      return textsOf(secret, Key).some((text) => text.startsWith(wanted)) !== value.startsWith('!');
    }),
  );
}

function textsOf(secret: Secret, key: Filters[number]['Key']): string[] {
  switch (key) {
    case 'name':
      return [secret.name];
    case 'description':
      return secret.description === null ? [] : [secret.description];
    case 'tag-key':
      return tagsOf(secret).map((tag) => tag.Key);
    case 'tag-value':
      return tagsOf(secret).map((tag) => tag.Value);
  }
}

export function tagsOf(secret: Secret): Tag[] {
  const tags: Tag[] = JSON.parse(secret.tags);
  return tags;
}

function stagesByVersion({ versions }: Context, secret: Secret): Record<string, readonly string[]> {
  const labelled = versions.list(secret.id).filter(({ stages }) => stages.length > 0);
  return Object.fromEntries(labelled.map(({ versionId, stages }) => [versionId, stages]));
}

function metadata(secret: Secret): object {
  const time = (at: number | null): number | undefined => (at === null ? undefined : seconds(at));
  return {
    ...named(secret),
    ...when('Description', secret.description),
    ...when('KmsKeyId', secret.kms_key_id),
    CreatedDate: seconds(secret.created_at),
    LastChangedDate: seconds(secret.changed_at),
    ...when('LastAccessedDate', time(secret.accessed_at)),
    ...when('DeletedDate', time(secret.delete_at)),
    Tags: tagsOf(secret),
    ...(secret.rotation_function === null ? {} : { RotationEnabled: secret.rotation_enabled === 1 }),
    ...when('RotationLambdaARN', secret.rotation_function),
    ...(secret.rotation_days === null
      ? {}
      : { RotationRules: { AutomaticallyAfterDays: secret.rotation_days } }),
    ...when('LastRotatedDate', time(secret.rotated_at)),
    ...when('NextRotationDate', time(secret.rotate_at)),
  };
}
