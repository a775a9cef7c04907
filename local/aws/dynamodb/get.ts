import { capacityMode, consumedCapacity, readUnits, tableUnits, type Consumption } from './capacity.ts';
import type { Context, Operation } from './context.ts';
import type { Path } from './expressions/ast.ts';
import { checkAllUsed, readPlaceholders } from './expressions/bind.ts';
import { readProjection } from './expressions/expression.ts';
import { project } from './expressions/paths.ts';
import { checkKeysNotEmpty, keyOfKey } from './item-keys.ts';
import { flag, required, resourceName, type Input } from './parameters.ts';
import type { Table } from './schema.ts';
import { parseItem, type Item } from './values.ts';

/** A read of one item, as asked for. */
export type GetRequest = {
  readonly table: Table;
  readonly key: Item;
  readonly projection: readonly Path[] | undefined;
};

export const GET_PARAMETERS = ['TableName', 'Key', 'ProjectionExpression', 'ExpressionAttributeNames'];

/** Reads one get; throws ValidationException, SerializationException or ResourceNotFoundException. */
export function readGet({ catalog }: Context, input: Input): GetRequest {
  const tableName = resourceName(input, 'TableName');
  const key = parseItem(required(input['Key'] ?? undefined, 'Key'));
  const placeholders = readPlaceholders(input, ['ProjectionExpression']);
  const projection = readProjection(input, placeholders);
  checkAllUsed(placeholders);
  const table = catalog.require(tableName);
  checkKeysNotEmpty(table, key);
  return { table, key, projection };
}

/** Carries a get out; throws ValidationException for a malformed key. */
export function executeGet(
  { store }: Context,
  { table, key, projection }: GetRequest,
): { item: Item | undefined; size: number } {
  const found = store.getItem(table, keyOfKey(table, key));
  if (found === undefined) return { item: undefined, size: 0 };
  return { item: projection ? project(found.item, projection) : found.item, size: found.size };
}

export const getItem: Operation = {
  parameters: [...GET_PARAMETERS, 'ConsistentRead', 'ReturnConsumedCapacity'],
  run(context, input) {
    const mode = capacityMode(input);
    const consistent = flag(input, 'ConsistentRead') ?? false;
    const request = readGet(context, input);
    const { item, size } = executeGet(context, request);
    const used: Consumption = tableUnits(readUnits(size, consistent));
    const capacity = consumedCapacity(mode, request.table.name, used);
    return { ...(item && { Item: item }), ...(capacity && { ConsumedCapacity: capacity }) };
  },
};
