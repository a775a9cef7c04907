import { capacityMode, consumedCapacity, readUnits, tableUnits, type Consumption } from './capacity.ts';
import type { Context, Operation } from './context.ts';
import type { BoundCondition, Path } from './expressions/ast.ts';
import { checkAllUsed, readPlaceholders } from './expressions/bind.ts';
import { conditionNames } from './expressions/condition-names.ts';
import { evaluate } from './expressions/evaluate.ts';
import { readCondition, readProjection } from './expressions/expression.ts';
import { project } from './expressions/paths.ts';
import { pickAttributes } from './item-keys.ts';
import { keyRange, type KeyRange } from './key-condition.ts';
import { choice, count, flag, resourceName, structure, text, type Input } from './parameters.ts';
import { keyAttributes, keyNames, projectToIndex, type Index, type Table } from './schema.ts';
import { itemSize } from './size.ts';
import { startPosition } from './start-key.ts';
import type { Row } from './store.ts';
import { invalidParameter, validationError } from './validation.ts';
import { parseItem, type Item } from './values.ts';

// A page ends once it has read this much. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
const PAGE_BYTES = 1024 * 1024;

const SELECTIONS = ['SPECIFIC_ATTRIBUTES', 'COUNT', 'ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES'] as const;

const READ_PARAMETERS = [
  'TableName',
  'IndexName',
  'FilterExpression',
  'ProjectionExpression',
  'ExpressionAttributeNames',
  'ExpressionAttributeValues',
  'ExclusiveStartKey',
  'Limit',
  'Select',
  'ConsistentRead',
  'ReturnConsumedCapacity',
];

/** A query or scan, parsed and checked. */
type ReadRequest = {
  readonly table: Table;
  readonly index: Index | undefined;
  readonly range: KeyRange | undefined;
  readonly filter: BoundCondition | undefined;
  readonly projection: readonly Path[] | undefined;
  readonly start: Item | undefined;
  readonly limit: number;
  readonly descending: boolean;
  readonly segment: Segment | undefined;
};
type Segment = { readonly number: number; readonly total: number };

export const query: Operation = {
  parameters: [...READ_PARAMETERS, 'KeyConditionExpression', 'ScanIndexForward'],
  run: (context, input) => answer(context, input, readQuery(context, input)),
};

export const scan: Operation = {
  parameters: [...READ_PARAMETERS, 'Segment', 'TotalSegments'],
  run: (context, input) => answer(context, input, readScan(context, input)),
};

function readQuery(context: Context, input: Input): ReadRequest {
  const descending = flag(input, 'ScanIndexForward') === false;
  const placeholders = readPlaceholders(input, [
    'KeyConditionExpression',
    'FilterExpression',
    'ProjectionExpression',
  ]);
  const condition = readCondition(input, 'KeyConditionExpression', placeholders);
  if (condition === undefined) {
    throw validationError(
      'Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.',
    );
  }
  const filter = readCondition(input, 'FilterExpression', placeholders);
  const projection = readProjection(input, placeholders);
  checkAllUsed(placeholders);
  const target = readTarget(context, input);
  const keys = target.index?.keys ?? target.table.keys;
  const range = keyRange(condition, keys);
  const primary = new Set(keyAttributes(keys).map(({ name }) => name));
  const forbidden = filter && conditionNames(filter).find((name) => primary.has(name));
  if (forbidden !== undefined) {
    throw validationError(
      `Filter Expression can only contain non-primary key attributes: Primary key attribute: ${forbidden}`,
    );
  }
  return {
    ...target,
    range,
    filter,
    projection,
    descending,
    segment: undefined,
    ...readPage(input, target, projection),
  };
}

function readScan(context: Context, input: Input): ReadRequest {
  const segment = readSegment(input);
  const placeholders = readPlaceholders(input, ['FilterExpression', 'ProjectionExpression']);
  const filter = readCondition(input, 'FilterExpression', placeholders);
  const projection = readProjection(input, placeholders);
  checkAllUsed(placeholders);
  const target = readTarget(context, input);
  return {
    ...target,
    range: undefined,
    filter,
    projection,
    descending: false,
    segment,
    ...readPage(input, target, projection),
  };
}

function readSegment(input: Input): Segment | undefined {
  const number = count(input, 'Segment', 0, 999_999);
  const total = count(input, 'TotalSegments', 1, 1_000_000);
  if (number === undefined && total === undefined) return undefined;
  if (number === undefined || total === undefined) {
    const [absent, given] =
      number === undefined ? ['Segment', 'TotalSegments'] : ['TotalSegments', 'Segment'];
    throw validationError(
      `The ${absent} parameter is required but was not present in the request when ${given} parameter is present`,
    );
  }
  if (number >= total) {
    throw validationError(
      `The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: ${number} is not less than TotalSegments: ${total}`,
    );
  }
  return { number, total };
}

type Target = { readonly table: Table; readonly index: Index | undefined };

function readTarget({ catalog }: Context, input: Input): Target {
  const table = catalog.require(resourceName(input, 'TableName'));
  if (text(input, 'IndexName') === undefined) return { table, index: undefined };
  const name = resourceName(input, 'IndexName');
  const index = table.indexes.find((candidate) => candidate.name === name);
  if (index === undefined) throw validationError(`The table does not have the specified index: ${name}`);
  if (flag(input, 'ConsistentRead') === true) {
    throw validationError('Consistent reads are not supported on global secondary indexes');
  }
  return { table, index };
}

function readPage(
  input: Input,
  target: Target,
  projection: readonly Path[] | undefined,
): { limit: number; start: Item | undefined } {
  checkSelect(input, target.index, projection);
  checkProjected(target, projection);
  const start = structure(input, 'ExclusiveStartKey');
  return { limit: count(input, 'Limit', 1) ?? Infinity, start: start && parseItem(start) };
}

function checkSelect(input: Input, index: Index | undefined, projection: readonly Path[] | undefined): void {
  const select = choice(input, 'Select', SELECTIONS);
  if (select === undefined) return;
  if (select === 'SPECIFIC_ATTRIBUTES' ? projection === undefined : projection !== undefined) {
    throw validationError(
      select === 'SPECIFIC_ATTRIBUTES'
        ? 'SPECIFIC_ATTRIBUTES requires either ProjectionExpression or AttributesToGet'
        : `Cannot specify the ProjectionExpression when choosing to get ${select}`,
    );
  }
  if (select === 'ALL_PROJECTED_ATTRIBUTES' && index === undefined) {
    throw invalidParameter('ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName');
  }
  if (select === 'ALL_ATTRIBUTES' && index !== undefined && index.projection.type !== 'ALL') {
    throw invalidParameter(
      `Select type ALL_ATTRIBUTES is not supported for global secondary index ${index.name} because its projection type is not ALL`,
    );
  }
}

/** A query on an index cannot fetch what the index does not hold. */
function checkProjected({ table, index }: Target, projection: readonly Path[] | undefined): void {
  if (index === undefined || projection === undefined || index.projection.type === 'ALL') return;
  const included = index.projection.type === 'INCLUDE' ? index.projection.attributes : [];
  const held = new Set([...keyNames(table, index), ...included]);
  const absent = projection.map(([name]) => name).filter((name) => !held.has(name));
  if (absent.length > 0) {
    throw invalidParameter(`Global secondary index ${index.name} does not project [${absent.join(', ')}]`);
  }
}

function answer(context: Context, input: Input, request: ReadRequest): Record<string, unknown> {
  const mode = capacityMode(input);
  const page = readRows(context, request);
  const { table, index, projection } = request;
  const names = keyNames(table, index);
  const units = readUnits(page.bytes, flag(input, 'ConsistentRead') ?? false);
  const used: Consumption =
    index === undefined ? tableUnits(units) : { table: 0, indexes: new Map([[index.name, units]]) };
  const capacity = consumedCapacity(mode, table.name, used);
  return {
    ...(text(input, 'Select') !== 'COUNT' && {
      Items: projection === undefined ? page.items : page.items.map((item) => project(item, projection)),
    }),
    Count: page.items.length,
    ScannedCount: page.scanned,
    ...(page.last && { LastEvaluatedKey: pickAttributes(page.last, names) }),
    ...(capacity && { ConsumedCapacity: capacity }),
  };
}

type Page = { items: Item[]; scanned: number; bytes: number; last: Item | undefined };

/** Reads until Limit items or 1 MB were looked at; `last` is where the next page starts after. */
function readRows({ store }: Context, request: ReadRequest): Page {
  const { table, index, range, filter, segment } = request;
  const after = request.start && startPosition(request.start, table, index, range);
  const page: Page = { items: [], scanned: 0, bytes: 0, last: undefined };
  const rows = store.readRange({
    table,
    descending: request.descending,
    ...(index && { index: index.name }),
    ...(range && { partition: range }),
    ...(after && { after }),
  });
  for (const row of rows) {
    if (segment && segmentOf(row, segment.total) !== segment.number) continue;
    const whole = index === undefined || index.projection.type === 'ALL';
    const item = whole ? row.item : projectToIndex(table, index, row.item);
    page.scanned += 1;
    page.bytes += whole ? row.size : itemSize(item);
    if (filter === undefined || evaluate(filter, item)) page.items.push(item);
    if (page.scanned >= request.limit || page.bytes > PAGE_BYTES) {
      return { ...page, last: row.item };
    }
  }
  return page;
}

const segmentOf = (row: Row, total: number): number =>
  Number(Bun.hash.wyhash(row.position[0] ?? row.key.hash) % BigInt(total));
