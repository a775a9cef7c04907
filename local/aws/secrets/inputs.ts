import { type } from 'arktype';

/** The inputs of the operations. Source: Secrets Manager API reference. */
const tag = type({ Key: '1 <= string <= 128', Value: 'string <= 256' });
const token = '32 <= string <= 64';
const value = {
  'SecretString?': '1 <= string <= 65536',
  'SecretBinary?': 'string.base64 >= 1',
} as const;
const described = { 'Description?': 'string <= 2048', 'KmsKeyId?': 'string <= 2048' } as const;
const page = { 'MaxResults?': '1 <= number.integer <= 100', 'NextToken?': 'string' } as const;

const filters = type({
  '+': 'reject',
  Key: "'name' | 'description' | 'tag-key' | 'tag-value'",
  Values: 'string[] >= 1',
}).array();
export type Filters = typeof filters.infer;

const ofSecret = type({ '+': 'reject', SecretId: '1 <= string <= 2048' });

export const INPUTS = {
  ofSecret,
  create: type({
    '+': 'reject',
    Name: /^[\w/+=.@-]{1,512}$/,
    'ClientRequestToken?': token,
    'Tags?': tag.array(),
    ...described,
    ...value,
  }),
  get: ofSecret.merge({ 'VersionId?': 'string', 'VersionStage?': 'string' }),
  put: ofSecret.merge({
    'ClientRequestToken?': token,
    'VersionStages?': '1 <= (1 <= string <= 256)[] <= 20',
    ...value,
  }),
  update: ofSecret.merge({ 'ClientRequestToken?': token, ...described, ...value }),
  list: type({
    '+': 'reject',
    'Filters?': filters,
    'IncludePlannedDeletion?': 'boolean',
    'SortOrder?': "'asc' | 'desc'",
    ...page,
  }),
  batchGet: type({
    '+': 'reject',
    'SecretIdList?': '1 <= string[] <= 20',
    'Filters?': filters,
    'MaxResults?': '1 <= number.integer <= 20',
    'NextToken?': 'string',
  }),
  delete: ofSecret.merge({
    'RecoveryWindowInDays?': 'number.integer',
    'ForceDeleteWithoutRecovery?': 'boolean',
  }),
  rotate: ofSecret.merge({
    'ClientRequestToken?': token,
    'RotationLambdaARN?': /^arn:aws:lambda:[^:]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/,
    'RotationRules?': type({ '+': 'reject', AutomaticallyAfterDays: '1 <= number.integer <= 1000' }),
    'RotateImmediately?': 'boolean',
  }),
  updateStage: ofSecret.merge({
    VersionStage: '1 <= string <= 256',
    'MoveToVersionId?': 'string',
    'RemoveFromVersionId?': 'string',
  }),
  listVersions: ofSecret.merge({ 'IncludeDeprecated?': 'boolean', ...page }),
  tag: ofSecret.merge({ Tags: tag.array() }),
  untag: ofSecret.merge({ TagKeys: 'string[]' }),
} as const;

export type Tag = typeof tag.infer;
export type CreateInput = typeof INPUTS.create.infer;
export type GetInput = typeof INPUTS.get.infer;
export type PutInput = typeof INPUTS.put.infer;
export type UpdateInput = typeof INPUTS.update.infer;
export type ListInput = typeof INPUTS.list.infer;
export type BatchGetInput = typeof INPUTS.batchGet.infer;
export type DeleteInput = typeof INPUTS.delete.infer;
export type RotateInput = typeof INPUTS.rotate.infer;
export type UpdateStageInput = typeof INPUTS.updateStage.infer;
export type ListVersionsInput = typeof INPUTS.listVersions.infer;
