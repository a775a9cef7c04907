import {
  capacityMode,
  consumedCapacities,
  readUnits,
  sumUnits,
  tableUnits,
  type Consumption,
} from './capacity.ts';
import type { Context, Operation } from './context.ts';
import { checkAllUsed, readPlaceholders } from './expressions/bind.ts';
import { readProjection } from './expressions/expression.ts';
import { project } from './expressions/paths.ts';
import { checkKeysNotEmpty, keyOfItem, keyOfKey } from './item-keys.ts';
import {
  allowOnly,
  asStructure,
  checkName,
  flag,
  list,
  required,
  structure,
  type Input,
} from './parameters.ts';
import type { Table } from './schema.ts';
import type { ItemKey } from './store.ts';
import { constraintError, validationError } from './validation.ts';
import { parseItem, type Item } from './values.ts';
import { storeItem } from './write-item.ts';

const MAX_WRITES = 25;
const MAX_KEYS = 100;
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

type BatchWrite = { readonly table: Table; readonly key: ItemKey; readonly item: Item | undefined };

export const batchWriteItem: Operation = {
  parameters: ['RequestItems', 'ReturnConsumedCapacity'],
  run(context, input) {
    const mode = capacityMode(input);
    const writes = readTables(input).flatMap(([name, requests]) => readWrites(context, name, requests));
    if (writes.length > MAX_WRITES)
      throw validationError('Too many items requested for the BatchWriteItem call');
    checkDistinct(writes);
    const parts = context.store.transaction(() =>
      writes.map(({ table, key, item }) => ({
        tableName: table.name,
        consumption: storeItem(context.store, table, key, context.store.getItem(table, key), item),
      })),
    );
    const capacity = consumedCapacities(mode, parts);
    return { UnprocessedItems: {}, ...(capacity && { ConsumedCapacity: capacity }) };
  },
};

function readTables(input: Input): [string, unknown][] {
  const tables = Object.entries(required(structure(input, 'RequestItems'), 'RequestItems'));
  if (tables.length === 0) {
    throw constraintError("'{}'", 'requestItems', 'Member must have length greater than or equal to 1');
  }
  return tables.map(([name, value]) => [checkName(name, 'requestItems'), value]);
}

function readWrites({ catalog }: Context, name: string, requests: unknown): BatchWrite[] {
  const entries = list({ RequestItems: requests }, 'RequestItems') ?? [];
  if (entries.length === 0 || entries.length > MAX_WRITES) {
    throw constraintError(
      `'{${name}=[${entries.length} requests]}'`,
      'requestItems',
      `Map value must satisfy constraint: [Member must have length less than or equal to ${MAX_WRITES}, Member must have length greater than or equal to 1]`,
    );
  }
  const parsed = entries.map((entry) => readWriteRequest(asStructure(entry)));
  const table = catalog.require(name);
  return parsed.map(({ put, key }) => {
    const source = put ?? key ?? {};
    checkKeysNotEmpty(table, source);
    return { table, key: put ? keyOfItem(table, put) : keyOfKey(table, source), item: put };
  });
}

function readWriteRequest(entry: Input): { put?: Item; key?: Item } {
  allowOnly('WriteRequest', entry, ['PutRequest', 'DeleteRequest']);
  const put = structure(entry, 'PutRequest');
  const remove = structure(entry, 'DeleteRequest');
  if ((put === undefined) === (remove === undefined)) {
    throw validationError(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  if (put !== undefined) {
    allowOnly('PutRequest', put, ['Item']);
    return { put: parseItem(required(put['Item'] ?? undefined, 'Item')) };
  }
  const request = required(remove, 'DeleteRequest');
  allowOnly('DeleteRequest', request, ['Key']);
  return { key: parseItem(required(request['Key'] ?? undefined, 'Key')) };
}

function checkDistinct(keys: readonly { table: Table; key: ItemKey }[]): void {
  const ids = keys.map(
    ({ table, key }) =>
      `${table.id}:${Buffer.from(key.hash).toString('hex')}:${Buffer.from(key.range).toString('hex')}`,
  );
  if (new Set(ids).size !== ids.length) {
    throw validationError('Provided list of item keys contains duplicates');
  }
}

export const batchGetItem: Operation = {
  parameters: ['RequestItems', 'ReturnConsumedCapacity'],
  run(context, input) {
    const mode = capacityMode(input);
    const reads = readTables(input).map(([name, request]) => readKeys(context, name, asStructure(request)));
    if (reads.reduce((total, { keys }) => total + keys.length, 0) > MAX_KEYS) {
      throw validationError('Too many items requested for the BatchGetItem call');
    }
    checkDistinct(reads.flatMap(({ table, keys }) => keys.map(({ key }) => ({ table, key }))));
    const answer = readAll(context, reads);
    const capacity = consumedCapacities(mode, answer.parts);
    return {
      Responses: answer.responses,
      UnprocessedKeys: answer.unprocessed,
      ...(capacity && { ConsumedCapacity: capacity }),
    };
  },
};

type BatchRead = {
  readonly table: Table;
  readonly request: Input;
  readonly keys: readonly { readonly key: ItemKey; readonly given: Item }[];
  readonly consistent: boolean;
  readonly project: (item: Item) => Item;
};

function readKeys({ catalog }: Context, name: string, request: Input): BatchRead {
  allowOnly('KeysAndAttributes', request, [
    'Keys',
    'ConsistentRead',
    'ProjectionExpression',
    'ExpressionAttributeNames',
  ]);
  const keys = required(list(request, 'Keys'), 'Keys').map(parseItem);
  if (keys.length === 0 || keys.length > MAX_KEYS) {
    const bound = keys.length === 0 ? 'greater than or equal to 1' : `less than or equal to ${MAX_KEYS}`;
    throw constraintError(
      `'[${keys.length} keys]'`,
      `requestItems.${name}.member.keys`,
      `Member must have length ${bound}`,
    );
  }
  const placeholders = readPlaceholders(request, ['ProjectionExpression']);
  const projection = readProjection(request, placeholders);
  checkAllUsed(placeholders);
  const table = catalog.require(name);
  for (const key of keys) checkKeysNotEmpty(table, key);
  return {
    table,
    request,
    keys: keys.map((given) => ({ given, key: keyOfKey(table, given) })),
    consistent: flag(request, 'ConsistentRead') ?? false,
    project: (item) => (projection ? project(item, projection) : item),
  };
}

/** Reads until the answer holds 16 MB; the keys that are left come back as unprocessed. */
function readAll({ store }: Context, reads: readonly BatchRead[]) {
  const responses: Record<string, Item[]> = {};
  const unprocessed: Record<string, unknown> = {};
  const parts: { tableName: string; consumption: Consumption }[] = [];
  let bytes = 0;
  for (const { table, request, keys, consistent, project: pick } of reads) {
    const items: Item[] = [];
    const units: Consumption[] = [];
    const left: Item[] = [];
    for (const { key, given } of keys) {
      const found = left.length > 0 ? undefined : store.getItem(table, key);
      if (left.length > 0 || bytes + (found?.size ?? 0) > MAX_ANSWER_BYTES) {
        left.push(given);
        continue;
      }
      bytes += found?.size ?? 0;
      units.push(tableUnits(readUnits(found?.size ?? 0, consistent)));
      if (found !== undefined) items.push(pick(found.item));
    }
    responses[table.name] = items;
    if (left.length > 0) unprocessed[table.name] = { ...request, Keys: left };
    parts.push({ tableName: table.name, consumption: sumUnits(units) });
  }
  return { responses, unprocessed, parts };
}
