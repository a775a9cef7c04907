// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { DynamodbTable } from '@cdktf/provider-aws/lib/dynamodb-table';
import { KmsAlias } from '@cdktf/provider-aws/lib/kms-alias';
import { KmsKey } from '@cdktf/provider-aws/lib/kms-key';
import { type App, TerraformOutput, type TerraformStack } from 'cdktf';
import { BUCKETS } from '../shared/buckets.ts';
import { type SecondaryIndex, type Table, type TableId, TABLES } from '../shared/tables.ts';
import { bucket } from './constructs/bucket.ts';
import { outpostStack } from './constructs/outpost-stack.ts';
import type { Names } from './names.ts';
import type { Settings } from './settings.ts';

/** Days in which a key that was scheduled for deletion can be had back. */
const KEY_DELETION_DAYS = 30;

/** The key, the tables and the buckets: what must outlive every other stack. */
export function dataStack(
  app: App,
  settings: Settings,
  names: Names,
): { stack: TerraformStack; keyArn: string } {
  const stack = outpostStack(app, 'data', settings);
  const key = encryptionKey(stack, settings, names);
  for (const id of Object.keys(TABLES) as TableId[]) table(stack, id, settings, names, key.arn);
  for (const id of BUCKETS) {
    const expireDays = id === 'output' ? settings.outputRetentionDays : null;
    bucket(stack, id, { name: names.bucket(id), keyArn: key.arn, settings, expireDays });
  }
  bucket(stack, 'artifacts', {
    name: names.bucket('artifacts'),
    keyArn: key.arn,
    settings,
    expireDays: null,
  });
  new TerraformOutput(stack, 'key_arn', { value: key.arn });
  return { stack, keyArn: key.arn };
}

function encryptionKey(stack: TerraformStack, settings: Settings, names: Names): KmsKey {
  const key = new KmsKey(stack, 'key', {
    description: `Outpost ${settings.environment}: tables, buckets and workspaces`,
    enableKeyRotation: true,
    deletionWindowInDays: KEY_DELETION_DAYS,
    // A key's policy speaks of its own key as `*`, and must leave it to the account's IAM or it is lost:
    // https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'AccountAdministers',
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${settings.accountId}:root` },
          Action: 'kms:*',
          Resource: '*',
        },
      ],
    }),
    lifecycle: { preventDestroy: settings.protectData },
  });
  new KmsAlias(stack, 'key-alias', { name: `alias/outpost-${names.environment}`, targetKeyId: key.keyId });
  return key;
}

function table(stack: TerraformStack, id: TableId, settings: Settings, names: Names, keyArn: string): void {
  const description: Table = TABLES[id];
  const attributes = new Map(
    [description, ...description.indexes]
      .flatMap(({ partitionKey, sortKey }) =>
        sortKey === undefined ? [partitionKey] : [partitionKey, sortKey],
      )
      .map((key) => [key.name, key.type]),
  );
  new DynamodbTable(stack, id, {
    name: names.table(id),
    billingMode: 'PAY_PER_REQUEST',
    hashKey: description.partitionKey.name,
    rangeKey: description.sortKey.name,
    attribute: [...attributes].map(([name, type]) => ({ name, type })),
    ...(description.indexes.length === 0
      ? {}
      : { globalSecondaryIndex: description.indexes.map(secondaryIndex) }),
    ...(description.ttlAttribute === undefined
      ? {}
      : { ttl: { attributeName: description.ttlAttribute, enabled: true } }),
    pointInTimeRecovery: { enabled: true },
    serverSideEncryption: { enabled: true, kmsKeyArn: keyArn },
    deletionProtectionEnabled: settings.protectData,
    lifecycle: { preventDestroy: settings.protectData },
  });
}

function secondaryIndex({ name, partitionKey, sortKey, projection }: SecondaryIndex) {
  return {
    name,
    hashKey: partitionKey.name,
    ...(sortKey === undefined ? {} : { rangeKey: sortKey.name }),
    ...(typeof projection === 'string'
      ? { projectionType: projection }
      : { projectionType: 'INCLUDE', nonKeyAttributes: [...projection] }),
  };
}
