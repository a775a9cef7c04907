import { createHash } from 'node:crypto';
import { AwsError } from '../errors.ts';
import {
  capacityMode,
  consumedCapacities,
  readUnits,
  scaleUnits,
  tableUnits,
  TRANSACTION_FACTOR,
  type Consumption,
} from './capacity.ts';
import type { Context, Operation } from './context.ts';
import { executeGet, GET_PARAMETERS, readGet } from './get.ts';
import { allowOnly, asStructure, list, required, structure, text, type Input } from './parameters.ts';
import { isEmptyKeyError, keyOfKey } from './item-keys.ts';
import { itemSize } from './size.ts';
import type { Table } from './schema.ts';
import type { ItemKey } from './store.ts';
import { constraintError, validationError } from './validation.ts';
import {
  executeWrite,
  keyOfWrite,
  readWrite,
  WRITE_PARAMETERS,
  type WriteKind,
  type WriteRequest,
  type WriteResult,
} from './write-request.ts';

const MAX_ACTIONS = 100;
const MAX_BYTES = 4 * 1024 * 1024;
const TOKEN_LIFE_MS = 10 * 60 * 1000;
const WRITE_KINDS: readonly WriteKind[] = ['Put', 'Update', 'Delete', 'ConditionCheck'];

/** Why one action of a cancelled transaction failed; code None where it did not. */
type Reason = { Code: string; Message?: string; Item?: unknown };

export const transactWriteItems: Operation = {
  parameters: ['TransactItems', 'ClientRequestToken', 'ReturnConsumedCapacity'],
  run(context, input) {
    const mode = capacityMode(input);
    const token = readToken(input);
    const actions = readActions(input);
    const request = digest(actions);
    if (token !== undefined && isReplay(context, token, request)) {
      return withCapacity(consumedCapacities(mode, replayUnits(context, actions), 'read'));
    }
    const writes = actions.map((action) => readAction(context, action));
    checkTransaction(writes);
    const results = context.store.transaction(() => {
      const done = executeAll(context, writes);
      const now = context.now();
      if (token !== undefined) context.store.saveToken(token, request, now, now - TOKEN_LIFE_MS);
      return done;
    });
    const parts = writes.map((write, index) => ({
      tableName: write.table.name,
      consumption: scaleUnits(results[index]?.consumption ?? tableUnits(0), TRANSACTION_FACTOR),
    }));
    return withCapacity(consumedCapacities(mode, parts, 'write'));
  },
};

const withCapacity = (capacity: unknown): Record<string, unknown> =>
  capacity === undefined ? {} : { ConsumedCapacity: capacity };

function readToken(input: Input): string | undefined {
  const token = text(input, 'ClientRequestToken');
  if (token === undefined) return undefined;
  if (token.length < 1 || token.length > 36) {
    const bound = token.length < 1 ? 'greater than or equal to 1' : 'less than or equal to 36';
    throw constraintError(`'${token}'`, 'clientRequestToken', `Member must have length ${bound}`);
  }
  return token;
}

function readActions(input: Input): Input[] {
  const items = required(list(input, 'TransactItems'), 'TransactItems');
  if (items.length === 0 || items.length > MAX_ACTIONS) {
    const bound = items.length === 0 ? 'greater than or equal to 1' : `less than or equal to ${MAX_ACTIONS}`;
    throw constraintError(`'[${items.length} actions]'`, 'transactItems', `Member must have length ${bound}`);
  }
  return items.map(asStructure);
}

function splitAction(action: Input): { kind: WriteKind; input: Input } {
  allowOnly('TransactItems', action, WRITE_KINDS);
  const given = WRITE_KINDS.filter((kind) => structure(action, kind) !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    throw validationError('TransactItems can only contain one of Check, Put, Update or Delete');
  }
  return { kind, input: required(structure(action, kind), kind) };
}

function readAction(context: Context, action: Input): WriteRequest {
  const { kind, input } = splitAction(action);
  allowOnly(`TransactItems ${kind}`, input, WRITE_PARAMETERS[kind]);
  if (kind === 'Update') required(text(input, 'UpdateExpression'), 'UpdateExpression');
  if (kind === 'ConditionCheck') required(text(input, 'ConditionExpression'), 'ConditionExpression');
  return readWrite(context, kind, input);
}

/** The rules about a transaction as a whole: one action an item, at most 4 MB. */
function checkTransaction(writes: readonly WriteRequest[]): void {
  checkDistinct(writes.map((write) => ({ table: write.table, locate: () => keyOfWrite(write) })));
  if (writes.reduce((total, { source }) => total + itemSize(source), 0) > MAX_BYTES) {
    throw validationError('Collection size of items in the transaction has exceeded the 4 MB limit');
  }
}

function checkDistinct(actions: readonly { table: Table; locate: () => ItemKey }[]): void {
  const seen = new Set<string>();
  for (const { table, locate } of actions) {
    const key = keyOrUndefined(locate);
    if (key === undefined) continue;
    const id = `${table.id}:${Buffer.from(key.hash).toString('hex')}:${Buffer.from(key.range).toString('hex')}`;
    if (seen.has(id)) {
      throw validationError('Transaction request cannot include multiple operations on one item');
    }
    seen.add(id);
  }
}

/** A malformed key is not an error of the request but a cancellation reason of its action. */
function keyOrUndefined(locate: () => ItemKey): ItemKey | undefined {
  try {
    return locate();
  } catch (error) {
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}

function executeAll(context: Context, writes: readonly WriteRequest[]): WriteResult[] {
  const results: WriteResult[] = [];
  const reasons = writes.map((write): Reason => {
    try {
      results.push(executeWrite(context, write));
      return { Code: 'None' };
    } catch (error) {
      return reasonOf(error);
    }
  });
  if (reasons.some(({ Code }) => Code !== 'None')) throw cancelled(reasons);
  return results;
}

function reasonOf(error: unknown): Reason {
  if (!(error instanceof AwsError)) throw error;
  if (error.awsCode === 'ConditionalCheckFailedException') {
    return { Code: 'ConditionalCheckFailed', Message: error.message, ...error.extra };
  }
  if (error.awsCode === 'ValidationException' && !isEmptyKeyError(error)) {
    return { Code: 'ValidationError', Message: error.message };
  }
  throw error;
}

function cancelled(reasons: readonly Reason[]): AwsError {
  const codes = reasons.map(({ Code }) => Code).join(', ');
  return new AwsError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    400,
    { CancellationReasons: reasons },
  );
}

/** A digest of the actions that does not depend on the order of members. */
function digest(actions: readonly Input[]): string {
  const sorted = JSON.stringify(actions, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(sorted).digest('hex');
}

/** Whether the token was used for the same request in the last 10 minutes; another request is an error. */
function isReplay({ store, now }: Context, token: string, request: string): boolean {
  const used = store.findToken(token, now() - TOKEN_LIFE_MS);
  if (used === undefined) return false;
  if (used === request) return true;
  throw new AwsError(
    'IdempotentParameterMismatchException',
    'Request token already used with different parameters',
  );
}

/** A replay costs what reading the items would. */
function replayUnits(
  context: Context,
  actions: readonly Input[],
): { tableName: string; consumption: Consumption }[] {
  return actions.map((action) => {
    const write = readAction(context, action);
    const size = context.store.getItem(write.table, keyOfWrite(write))?.size ?? 0;
    return {
      tableName: write.table.name,
      consumption: tableUnits(readUnits(size, true) * TRANSACTION_FACTOR),
    };
  });
}

export const transactGetItems: Operation = {
  parameters: ['TransactItems', 'ReturnConsumedCapacity'],
  run(context, input) {
    const mode = capacityMode(input);
    const requests = readActions(input).map((action) => {
      allowOnly('TransactItems', action, ['Get']);
      const get = required(structure(action, 'Get'), 'Get');
      allowOnly('TransactItems Get', get, GET_PARAMETERS);
      return readGet(context, get);
    });
    checkDistinct(requests.map(({ table, key }) => ({ table, locate: () => keyOfKey(table, key) })));
    const found: { item: unknown; size: number }[] = [];
    const reasons = requests.map((request): Reason => {
      try {
        found.push(executeGet(context, request));
        return { Code: 'None' };
      } catch (error) {
        return reasonOf(error);
      }
    });
    if (reasons.some(({ Code }) => Code !== 'None')) throw cancelled(reasons);
    const parts = requests.map(({ table }, index) => ({
      tableName: table.name,
      consumption: tableUnits(readUnits(found[index]?.size ?? 0, true) * TRANSACTION_FACTOR),
    }));
    return {
      Responses: found.map(({ item }) => (item === undefined ? {} : { Item: item })),
      ...withCapacity(consumedCapacities(mode, parts, 'read')),
    };
  },
};
