import { AwsError } from '../errors.ts';
import type { Operation } from './context.ts';
import { describeTable } from './describe.ts';
import {
  allowOnly,
  choice,
  count,
  flag,
  has,
  list,
  required,
  resourceName,
  structure,
  text,
  type Input,
} from './parameters.ts';
import {
  checkDefinitionsUsed,
  checkIndexes,
  readDefinitions,
  readIndex,
  readKeySchema,
  readThroughput,
} from './read-schema.ts';
import type { Throughput } from './schema.ts';
import { invalidParameter, validationError } from './validation.ts';

const NO_THROUGHPUT: Throughput = { read: 0, write: 0 };

export const createTable: Operation = {
  parameters: [
    'TableName',
    'AttributeDefinitions',
    'KeySchema',
    'GlobalSecondaryIndexes',
    'BillingMode',
    'ProvisionedThroughput',
    'SSESpecification',
    'DeletionProtectionEnabled',
  ],
  run({ store, catalog, now }, input) {
    const name = resourceName(input, 'TableName');
    const definitions = required(readDefinitions(input), 'AttributeDefinitions');
    const keys = readKeySchema(input, definitions);
    const indexes = (list(input, 'GlobalSecondaryIndexes') ?? []).map((entry) =>
      readIndex(entry, definitions),
    );
    if (has(input, 'GlobalSecondaryIndexes') && indexes.length === 0) {
      throw invalidParameter('List of GlobalSecondaryIndexes is empty');
    }
    checkIndexes(indexes);
    checkDefinitionsUsed(definitions, keys, indexes);
    const { billingMode, throughput } = readBilling(input);
    if (catalog.get(name)) throw new AwsError('ResourceInUseException', `Table already exists: ${name}`);
    const table = store.transaction(() =>
      catalog.add({
        name,
        uuid: crypto.randomUUID(),
        createdAt: now(),
        keys,
        indexes,
        billingMode,
        throughput,
        deletionProtection: flag(input, 'DeletionProtectionEnabled') ?? false,
        encrypted: readEncryption(input),
      }),
    );
    return { TableDescription: describeTable(store, table, 'CREATING') };
  },
};

function readBilling(input: Input) {
  const billingMode = choice(input, 'BillingMode', ['PROVISIONED', 'PAY_PER_REQUEST']) ?? 'PROVISIONED';
  const throughput = readThroughput(input);
  if (billingMode === 'PROVISIONED' && throughput === undefined) {
    throw invalidParameter(
      'ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED',
    );
  }
  if (billingMode === 'PAY_PER_REQUEST' && throughput !== undefined) {
    throw invalidParameter(
      'Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST',
    );
  }
  return { billingMode, throughput: throughput ?? NO_THROUGHPUT };
}

/** Encryption is described but not carried out: the data folder's own permissions protect it. */
function readEncryption(input: Input): boolean {
  const specification = structure(input, 'SSESpecification');
  if (specification === undefined) return false;
  allowOnly('SSESpecification', specification, ['Enabled', 'SSEType']);
  choice(specification, 'SSEType', ['KMS']);
  return flag(specification, 'Enabled') ?? false;
}

export const deleteTable: Operation = {
  parameters: ['TableName'],
  run({ store, catalog }, input) {
    const table = catalog.describe(resourceName(input, 'TableName'));
    if (table.deletionProtection) {
      throw validationError(
        `Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.`,
      );
    }
    const description = describeTable(store, table, 'DELETING');
    store.transaction(() => catalog.drop(table));
    return { TableDescription: description };
  },
};

export const describeTableOperation: Operation = {
  parameters: ['TableName'],
  run({ store, catalog }, input) {
    return { Table: describeTable(store, catalog.describe(resourceName(input, 'TableName'))) };
  },
};

export const listTables: Operation = {
  parameters: ['Limit', 'ExclusiveStartTableName'],
  run({ catalog }, input) {
    const limit = count(input, 'Limit', 1, 100) ?? 100;
    const start = text(input, 'ExclusiveStartTableName');
    const names = catalog.names().filter((name) => start === undefined || name > start);
    const page = names.slice(0, limit);
    return { TableNames: page, ...(names.length > limit && { LastEvaluatedTableName: page.at(-1) }) };
  },
};
