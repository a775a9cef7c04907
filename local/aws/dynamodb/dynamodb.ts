import type { Database } from 'bun:sqlite';
import { AwsError } from '../errors.ts';
import type { JsonService, Now } from '../service.ts';
import { batchGetItem, batchWriteItem } from './batch.ts';
import { openCatalog } from './catalog.ts';
import type { Context, Operation } from './context.ts';
import { getItem } from './get.ts';
import { allowOnly } from './parameters.ts';
import { query, scan } from './query.ts';
import { openStore } from './store.ts';
import {
  describeContinuousBackups,
  describeTimeToLive,
  updateContinuousBackups,
  updateTimeToLive,
} from './table-settings.ts';
import { createTable, deleteTable, describeTableOperation, listTables } from './tables.ts';
import { transactGetItems, transactWriteItems } from './transact.ts';
import { sweepExpired } from './ttl.ts';
import { updateTable } from './update-table.ts';
import { deleteItem, putItem, updateItem } from './write.ts';

const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  Object.entries({
    BatchGetItem: batchGetItem,
    BatchWriteItem: batchWriteItem,
    CreateTable: createTable,
    DeleteItem: deleteItem,
    DeleteTable: deleteTable,
    DescribeContinuousBackups: describeContinuousBackups,
    DescribeTable: describeTableOperation,
    DescribeTimeToLive: describeTimeToLive,
    GetItem: getItem,
    ListTables: listTables,
    PutItem: putItem,
    Query: query,
    Scan: scan,
    TransactGetItems: transactGetItems,
    TransactWriteItems: transactWriteItems,
    UpdateContinuousBackups: updateContinuousBackups,
    UpdateItem: updateItem,
    UpdateTable: updateTable,
    UpdateTimeToLive: updateTimeToLive,
  }),
);

export type DynamoDb = JsonService & {
  /** Deletes the items whose TTL has passed; answers how many. To be called every second or so. */
  sweepExpired(): number;
};

/**
 * DynamoDB over one SQLite database: what it acknowledges is durable, what it does not implement is a 400
 * that names the operation or the parameter.
 */
export function createDynamoDb(database: Database, now: Now): DynamoDb {
  const store = openStore(database);
  const context: Context = { store, catalog: openCatalog(store), now };
  return {
    targetPrefix: 'DynamoDB_20120810',
    jsonVersion: '1.0',
    operations: [...OPERATIONS.keys()],
    handle(name, input) {
      const operation = OPERATIONS.get(name);
      if (operation === undefined) {
        throw new AwsError('UnknownOperationException', `Unsupported operation: ${name}`);
      }
      allowOnly(name, input, operation.parameters);
      return operation.run(context, input);
    },
    sweepExpired: () => sweepExpired(store, context.catalog, now()),
  };
}
