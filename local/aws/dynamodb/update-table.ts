import { AwsError } from '../errors.ts';
import type { Operation } from './context.ts';
import { describeTable } from './describe.ts';
import {
  allowOnly,
  asStructure,
  choice,
  flag,
  list,
  required,
  resourceName,
  structure,
  type Input,
} from './parameters.ts';
import { checkIndexes, readDefinitions, readIndex, readThroughput } from './read-schema.ts';
import { keyAttributes, type Index, type KeyType, type Table } from './schema.ts';
import type { Store } from './store.ts';
import { constraintError, invalidParameter, validationError } from './validation.ts';
import { storeEntry } from './write-item.ts';

type IndexChange = { readonly create: Index } | { readonly delete: string };

const CHANGES = [
  'GlobalSecondaryIndexUpdates',
  'BillingMode',
  'ProvisionedThroughput',
  'DeletionProtectionEnabled',
];

/** Adds (with backfill) or removes one index, or changes billing mode or deletion protection. */
export const updateTable: Operation = {
  parameters: ['TableName', 'AttributeDefinitions', ...CHANGES],
  run({ store, catalog }, input) {
    const name = resourceName(input, 'TableName');
    if (CHANGES.every((parameter) => (input[parameter] ?? undefined) === undefined)) {
      throw validationError(
        'At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required',
      );
    }
    const table = catalog.describe(name);
    const change = readIndexChange(input, table);
    const throughput = readThroughput(input);
    const billingMode = choice(input, 'BillingMode', ['PROVISIONED', 'PAY_PER_REQUEST']);
    const changed: Table = {
      ...table,
      indexes: change === undefined ? table.indexes : applyChange(table, change),
      deletionProtection: flag(input, 'DeletionProtectionEnabled') ?? table.deletionProtection,
      ...(billingMode && { billingMode }),
      ...(throughput && { throughput }),
    };
    checkIndexes(changed.indexes);
    store.transaction(() => {
      if (change !== undefined && 'delete' in change) store.dropIndex(table, change.delete);
      if (change !== undefined && 'create' in change) backfill(store, changed, change.create);
      catalog.save(changed);
    });
    return { TableDescription: describeTable(store, changed, 'UPDATING') };
  },
};

function readIndexChange(input: Input, table: Table): IndexChange | undefined {
  const updates = list(input, 'GlobalSecondaryIndexUpdates');
  if (updates === undefined) return undefined;
  const [first] = updates;
  if (first === undefined) {
    throw constraintError(
      "'[]'",
      'globalSecondaryIndexUpdates',
      'Member must have length greater than or equal to 1',
    );
  }
  if (updates.length > 1) {
    throw new AwsError(
      'LimitExceededException',
      'Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table',
    );
  }
  const update = asStructure(first);
  allowOnly('GlobalSecondaryIndexUpdate', update, ['Create', 'Delete']);
  const removal = structure(update, 'Delete');
  if (removal !== undefined) {
    allowOnly('DeleteGlobalSecondaryIndexAction', removal, ['IndexName']);
    return { delete: resourceName(removal, 'IndexName') };
  }
  const creation = required(structure(update, 'Create'), 'globalSecondaryIndexUpdates.member.create');
  return { create: readIndex(creation, definitionsWith(table, readDefinitions(input))) };
}

/** Definitions of the request beside those the table has; an attribute cannot change its type. */
function definitionsWith(table: Table, given: Map<string, KeyType> | undefined): Map<string, KeyType> {
  const known = [table.keys, ...table.indexes.map(({ keys }) => keys)].flatMap(keyAttributes);
  for (const { name, type } of known) {
    if ((given?.get(name) ?? type) !== type) {
      throw invalidParameter(`Attribute ${name} is already defined with type ${type}`);
    }
  }
  return new Map([...known.map(({ name, type }) => [name, type] as const), ...(given ?? [])]);
}

function applyChange(table: Table, change: IndexChange): readonly Index[] {
  const name = 'create' in change ? change.create.name : change.delete;
  const exists = table.indexes.some((index) => index.name === name);
  if ('create' in change) {
    if (exists) throw validationError(`Attempting to create an index which already exists`);
    return [...table.indexes, change.create];
  }
  if (!exists) throw new AwsError('ResourceNotFoundException', 'Requested resource not found');
  return table.indexes.filter((index) => index.name !== name);
}

/** Enters every item that has the index's keys; items with a key of another type stay out, as on AWS. */
function backfill(store: Store, table: Table, index: Index): void {
  for (const row of store.readRange({ table, descending: false })) {
    storeEntry(store, table, index, row.key, undefined, row.item);
  }
}
