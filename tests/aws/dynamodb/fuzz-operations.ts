import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactGetItemsCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
  type QueryCommandInput,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { condition, keyCondition, newScope, path, scopeInput, update } from './fuzz-expressions.ts';
import { anyValue, keyValue, numberValue, type Random } from './fuzz-random.ts';
import { FUZZ_TABLES, type FuzzTable } from './fuzz-tables.ts';

type Item = Record<string, AttributeValue>;

/** One fuzzed call: what it is, for the report, and how to make it. */
export type FuzzOperation = {
  readonly kind: string;
  readonly input: object;
  /** Whether the order of returned items is the service's own business. */
  readonly unordered: boolean;
  /** The items that an update or a transaction would change. */
  readonly touched?: readonly { readonly TableName: string; readonly Key: Item }[];
  readonly send: (client: DynamoDBClient) => Promise<object>;
};

function key(random: Random, table: FuzzTable): Item {
  const partition = random.chance(0.01) ? anyValue(random, 0) : keyValue(random, table.hash.type);
  return {
    [table.hash.name]: partition,
    ...(table.range && random.chance(0.99) && { [table.range.name]: keyValue(random, table.range.type) }),
  };
}

function item(random: Random, table: FuzzTable): Item {
  return {
    ...key(random, table),
    ...(random.chance(0.6) && {
      g: random.chance(0.97) ? { S: random.pick(['a', 'ab', 'b']) } : anyValue(random, 0),
    }),
    ...(random.chance(0.7) && { n: random.chance(0.97) ? numberValue(random) : anyValue(random, 0) }),
    ...(random.chance(0.6) && { a: anyValue(random) }),
    ...(random.chance(0.5) && { b: anyValue(random) }),
    ...(random.chance(0.5) && { l: { L: random.some(0, 3, () => anyValue(random, 1)) } }),
    ...(random.chance(0.5) && { m: { M: { x: anyValue(random, 1), y: anyValue(random, 1) } } }),
    ...(random.chance(0.4) && { s: { SS: ['a', 'b', 'c'].slice(0, 1 + random.below(3)) } }),
  };
}

function maybeCondition(random: Random, scope: ReturnType<typeof newScope>, probability: number) {
  return random.chance(probability)
    ? {
        ConditionExpression: condition(random, scope),
        ...(random.chance(0.5) && { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }),
      }
    : {};
}

function putInput(random: Random) {
  const table = random.pick(FUZZ_TABLES);
  const scope = newScope();
  const conditional = maybeCondition(random, scope, 0.4);
  return { TableName: table.name, Item: item(random, table), ...conditional, ...scopeInput(scope) };
}

function deleteInput(random: Random) {
  const table = random.pick(FUZZ_TABLES);
  const scope = newScope();
  const conditional = maybeCondition(random, scope, 0.5);
  return { TableName: table.name, Key: key(random, table), ...conditional, ...scopeInput(scope) };
}

function updateInput(random: Random, nestedRemovals = false) {
  const table = random.pick(FUZZ_TABLES);
  const scope = newScope();
  const UpdateExpression = update(random, scope, nestedRemovals);
  const conditional = maybeCondition(random, scope, 0.3);
  return {
    TableName: table.name,
    Key: key(random, table),
    UpdateExpression,
    ...conditional,
    ...scopeInput(scope),
  };
}

function projection(random: Random, scope: ReturnType<typeof newScope>) {
  if (random.chance(0.6)) return {};
  return { ProjectionExpression: random.some(1, 3, () => path(random, scope)).join(', ') };
}

function getInput(random: Random) {
  const table = random.pick(FUZZ_TABLES);
  const scope = newScope();
  const projected = projection(random, scope);
  return { TableName: table.name, Key: key(random, table), ...projected, ...scopeInput(scope) };
}

/** Far more than the few items of a fuzzed table need. */
const MAX_PAGES = 300;

/** Every page of a query or scan, by the service's own LastEvaluatedKey. */
async function pages(
  client: DynamoDBClient,
  kind: 'Query' | 'Scan',
  input: QueryCommandInput,
): Promise<object> {
  const items: Item[] = [];
  let [counted, scanned] = [0, 0];
  let start: Item | undefined;
  let page = 0;
  do {
    page += 1;
    if (page > MAX_PAGES) throw new Error('the pages do not end');
    const request = { ...input, ...(start && { ExclusiveStartKey: start }) };
    const answer = await client.send(kind === 'Query' ? new QueryCommand(request) : new ScanCommand(request));
    items.push(...(answer.Items ?? []));
    counted += answer.Count ?? 0;
    scanned += answer.ScannedCount ?? 0;
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return { Items: items, Count: counted, ScannedCount: scanned };
}

function read(random: Random, kind: 'Query' | 'Scan'): FuzzOperation {
  const table = random.pick(FUZZ_TABLES);
  const index = random.chance(0.5) && table.indexes.length > 0 ? random.pick(table.indexes) : undefined;
  const scope = newScope();
  const input: QueryCommandInput = {
    TableName: table.name,
    ...(index && { IndexName: index.name }),
    ...(kind === 'Query' && { KeyConditionExpression: keyCondition(random, scope, index ?? table) }),
    ...(kind === 'Query' && random.chance(0.4) && { ScanIndexForward: random.chance(0.5) }),
    ...(random.chance(0.3) && { FilterExpression: condition(random, scope, 1) }),
    ...projection(random, scope),
    ...(random.chance(0.4) && { Limit: 1 + random.below(4) }),
    ...scopeInput(scope),
  };
  return {
    kind,
    input,
    unordered: kind === 'Scan' || index !== undefined,
    send: (client) => pages(client, kind, input),
  };
}

function transactWrite(random: Random): FuzzOperation {
  const TransactItems = random.some(1, 4, (): TransactWriteItem => {
    switch (random.below(4)) {
      case 0:
        return { Put: putInput(random) };
      case 1:
        return { Delete: deleteInput(random) };
      case 2:
        return { Update: updateInput(random) };
      default: {
        const table = random.pick(FUZZ_TABLES);
        const scope = newScope();
        const ConditionExpression = condition(random, scope);
        return {
          ConditionCheck: {
            TableName: table.name,
            Key: key(random, table),
            ConditionExpression,
            ...(random.chance(0.5) && { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }),
            ...scopeInput(scope),
          },
        };
      }
    }
  });
  const input = { TransactItems };
  return {
    kind: 'TransactWriteItems',
    input,
    unordered: false,
    touched: TransactItems.flatMap(touchedBy),
    send: (client) => client.send(new TransactWriteItemsCommand(input)),
  };
}

function touchedBy({ Put, Update, Delete }: TransactWriteItem): { TableName: string; Key: Item }[] {
  const { TableName, Key } = Update ?? Delete ?? { TableName: Put?.TableName, Key: Put?.Item };
  const table = FUZZ_TABLES.find(({ name }) => name === TableName);
  if (table === undefined || Key === undefined) return [];
  const names = [table.hash.name, table.range?.name];
  const parts = Object.entries(Key).filter(([name]) => names.includes(name));
  return [{ TableName: table.name, Key: Object.fromEntries(parts) }];
}

function batchWrite(random: Random): FuzzOperation {
  const table = random.pick(FUZZ_TABLES);
  const requests = random.some(1, 5, () =>
    random.chance(0.7)
      ? { PutRequest: { Item: item(random, table) } }
      : { DeleteRequest: { Key: key(random, table) } },
  );
  const input = { RequestItems: { [table.name]: requests } };
  return {
    kind: 'BatchWriteItem',
    input,
    unordered: false,
    send: (client) => client.send(new BatchWriteItemCommand(input)),
  };
}

function batchGet(random: Random): FuzzOperation {
  const table = random.pick(FUZZ_TABLES);
  const input = { RequestItems: { [table.name]: { Keys: random.some(1, 4, () => key(random, table)) } } };
  return {
    kind: 'BatchGetItem',
    input,
    unordered: true,
    send: (client) => client.send(new BatchGetItemCommand(input)),
  };
}

/** The next operation of a run. */
export function nextOperation(random: Random): FuzzOperation {
  const choice = random.below(100);
  if (choice < 24) {
    const input = { ...putInput(random), ...(random.chance(0.4) && { ReturnValues: 'ALL_OLD' as const }) };
    return {
      kind: 'PutItem',
      input,
      unordered: false,
      send: (client) => client.send(new PutItemCommand(input)),
    };
  }
  if (choice < 50) {
    const ReturnValues = random.pick(['NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW'] as const);
    const input = { ...updateInput(random, true), ReturnValues };
    return {
      kind: 'UpdateItem',
      input,
      touched: [input],
      unordered: false,
      send: (client) => client.send(new UpdateItemCommand(input)),
    };
  }
  if (choice < 56) {
    const input = { ...deleteInput(random), ReturnValues: 'ALL_OLD' as const };
    return {
      kind: 'DeleteItem',
      input,
      unordered: false,
      send: (client) => client.send(new DeleteItemCommand(input)),
    };
  }
  if (choice < 64) {
    const input = getInput(random);
    return {
      kind: 'GetItem',
      input,
      unordered: false,
      send: (client) => client.send(new GetItemCommand(input)),
    };
  }
  if (choice < 78) return read(random, 'Query');
  if (choice < 82) return read(random, 'Scan');
  if (choice < 92) return transactWrite(random);
  if (choice < 95) return batchWrite(random);
  if (choice < 98) return batchGet(random);
  const input = { TransactItems: random.some(1, 3, () => ({ Get: getInput(random) })) };
  return {
    kind: 'TransactGetItems',
    input,
    unordered: false,
    send: (client) => client.send(new TransactGetItemsCommand(input)),
  };
}
