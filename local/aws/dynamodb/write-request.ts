import { AwsError } from '../errors.ts';
import { tableUnits, writeUnits, type Consumption } from './capacity.ts';
import type { Context } from './context.ts';
import { applyUpdate, updatedPaths } from './expressions/apply-update.ts';
import type { BoundCondition, BoundUpdate, Path } from './expressions/ast.ts';
import { checkAllUsed, readPlaceholders } from './expressions/bind.ts';
import { evaluate } from './expressions/evaluate.ts';
import { readCondition, readUpdate } from './expressions/expression.ts';
import { checkIndexKeys, checkKeysNotEmpty, keyOfItem, keyOfKey } from './item-keys.ts';
import { choice, required, resourceName, type Input } from './parameters.ts';
import { keyAttributes, type Table } from './schema.ts';
import type { ItemKey } from './store.ts';
import { invalidParameter } from './validation.ts';
import { parseItem, type Item } from './values.ts';
import { storeItem } from './write-item.ts';

export type WriteKind = 'Put' | 'Update' | 'Delete' | 'ConditionCheck';

/** A write as asked for: parsed and checked as far as DynamoDB does before it looks at the item. */
export type WriteRequest = {
  readonly kind: WriteKind;
  readonly table: Table;
  /** The whole item of a Put, the key of anything else. */
  readonly source: Item;
  readonly condition: BoundCondition | undefined;
  readonly update: BoundUpdate | undefined;
  readonly returnOldOnFailure: boolean;
};

/** What a write did. */
export type WriteResult = {
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  readonly consumption: Consumption;
};

const COMMON = [
  'TableName',
  'ConditionExpression',
  'ExpressionAttributeNames',
  'ExpressionAttributeValues',
  'ReturnValuesOnConditionCheckFailure',
];

/** The parameters a write of each kind takes, alone and in a transaction. */
export const WRITE_PARAMETERS: Record<WriteKind, readonly string[]> = {
  Put: [...COMMON, 'Item'],
  Update: [...COMMON, 'Key', 'UpdateExpression'],
  Delete: [...COMMON, 'Key'],
  ConditionCheck: [...COMMON, 'Key'],
};

/** Reads one write; throws ValidationException, SerializationException or ResourceNotFoundException. */
export function readWrite({ catalog }: Context, kind: WriteKind, input: Input): WriteRequest {
  const tableName = resourceName(input, 'TableName');
  const parameter = kind === 'Put' ? 'Item' : 'Key';
  const source = parseItem(required(input[parameter] ?? undefined, parameter));
  const expressions =
    kind === 'Update' ? ['UpdateExpression', 'ConditionExpression'] : ['ConditionExpression'];
  const placeholders = readPlaceholders(input, expressions);
  const update = kind === 'Update' ? readUpdate(input, placeholders) : undefined;
  const condition = readCondition(input, 'ConditionExpression', placeholders);
  checkAllUsed(placeholders);
  const onFailure = choice(input, 'ReturnValuesOnConditionCheckFailure', ['ALL_OLD', 'NONE']);
  const table = catalog.require(tableName);
  checkKeysNotEmpty(table, source);
  return { kind, table, source, condition, update, returnOldOnFailure: onFailure === 'ALL_OLD' };
}

/** The encoded key of the item the write is about; throws ValidationException for a malformed one. */
export const keyOfWrite = ({ kind, table, source }: WriteRequest): ItemKey =>
  kind === 'Put' ? keyOfItem(table, source) : keyOfKey(table, source);

/** Every path the write's update changes. */
export const changedPaths = ({ update }: WriteRequest): readonly Path[] =>
  update === undefined ? [] : updatedPaths(update);

/**
 * Carries a write out, inside the caller's transaction.
 * Throws ConditionalCheckFailedException, or ValidationException where key, update or item do not fit.
 */
export function executeWrite({ store }: Context, request: WriteRequest): WriteResult {
  const { table, kind } = request;
  const key = keyOfWrite(request);
  for (const path of changedPaths(request)) checkNotKey(table, path);
  if (kind === 'Put') checkIndexKeys(table, request.source, false);
  const before = store.getItem(table, key);
  if (request.condition !== undefined && !evaluate(request.condition, before?.item ?? {})) {
    throw conditionFailed(request.returnOldOnFailure ? before?.item : undefined);
  }
  if (kind === 'ConditionCheck') {
    return {
      before: before?.item,
      after: before?.item,
      consumption: tableUnits(writeUnits(before?.size ?? 0)),
    };
  }
  const after = nextItem(request, before?.item);
  const consumption = storeItem(store, table, key, before, after, kind === 'Update');
  return { before: before?.item, after, consumption };
}

function nextItem({ kind, source, update }: WriteRequest, before: Item | undefined): Item | undefined {
  if (kind === 'Put') return source;
  if (kind === 'Delete') return undefined;
  const start = before ?? source;
  return update === undefined ? start : applyUpdate(update, start);
}

function checkNotKey(table: Table, [name]: Path): void {
  if (keyAttributes(table.keys).some((key) => key.name === name)) {
    throw invalidParameter(`Cannot update attribute ${name}. This attribute is part of the key`);
  }
}

function conditionFailed(item: Item | undefined): AwsError {
  return new AwsError('ConditionalCheckFailedException', 'The conditional request failed', 400, {
    ...(item && { Item: item }),
  });
}
