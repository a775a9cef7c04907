import {
  TransactionCanceledException,
  TransactWriteItemsCommand,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import pRetry, { AbortError } from 'p-retry';
import { newUuid } from '../ids.ts';
import type { TableId } from '../tables.ts';
import { type Change, writeExpression } from './expression.ts';
import { type Item, type Store, toItem } from './store.ts';

/** One write of a transaction. `label` names it when its condition fails. */
export type Write = { readonly label: string; readonly table: TableId } & (
  | { readonly put: object; readonly condition?: string; readonly values?: Readonly<Record<string, unknown>> }
  | { readonly update: object; readonly change: Change }
  | {
      readonly delete: object;
      readonly condition?: string;
      readonly values?: Readonly<Record<string, unknown>>;
    }
  | {
      readonly check: object;
      readonly condition: string;
      readonly values?: Readonly<Record<string, unknown>>;
    }
);

/** A transaction that was refused because conditions did not hold. Nothing was written. */
export class ConditionFailed extends Error {
  override readonly name = 'ConditionFailed';
  /** label -> the item as it was found; undefined when there was none. */
  readonly failed: ReadonlyMap<string, Item | undefined>;

  constructor(failed: ReadonlyMap<string, Item | undefined>) {
    super(`conditions failed: ${[...failed.keys()].join(', ')}`);
    this.failed = failed;
  }
}

const CONFLICT_RETRIES = 12;
const RETRIED_REASONS = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/**
 * All writes, or none. Owns the client token (one for all retries, so a reply that was lost after the commit
 * is not a second commit), the retries of conflicts and throttles with jitter, and the cancellation reasons.
 * Throws ConditionFailed when a condition did not hold.
 */
export async function transact(store: Store, writes: readonly Write[]): Promise<void> {
  const command = {
    TransactItems: writes.map((write) => transactItem(store, write)),
    ClientRequestToken: newUuid(),
  };
  await pRetry(
    async () => {
      try {
        await store.client.send(new TransactWriteItemsCommand(command));
      } catch (error) {
        throw isRetried(error) ? error : new AbortError(outcome(error, writes));
      }
    },
    { retries: CONFLICT_RETRIES, minTimeout: 10, maxTimeout: 1000, factor: 2, randomize: true },
  );
}

function transactItem(store: Store, write: Write): TransactWriteItem {
  const TableName = store.tables[write.table];
  const common = { TableName, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;
  if ('update' in write) {
    const { UpdateExpression = '', ...rest } = writeExpression(write.change);
    return { Update: { ...common, Key: toItem(write.update), UpdateExpression, ...rest } };
  }
  const { UpdateExpression: _, ...expression } = writeExpression({
    ...(write.condition === undefined ? {} : { condition: write.condition }),
    ...(write.values === undefined ? {} : { values: write.values }),
  });
  if ('put' in write) return { Put: { ...common, Item: toItem(write.put), ...expression } };
  if ('delete' in write) return { Delete: { ...common, Key: toItem(write.delete), ...expression } };
  return {
    ConditionCheck: {
      ...common,
      Key: toItem(write.check),
      ...expression,
      ConditionExpression: write.condition,
    },
  };
}

/** Conflicts and throttles, as long as no condition failed: a failed condition is the answer. */
function isRetried(error: unknown): boolean {
  if (!(error instanceof TransactionCanceledException)) {
    return error instanceof Error && error.name === 'TransactionInProgressException';
  }
  const codes = (error.CancellationReasons ?? []).map((reason) => reason.Code ?? 'None');
  return !codes.includes('ConditionalCheckFailed') && codes.some((code) => RETRIED_REASONS.has(code));
}

function outcome(error: unknown, writes: readonly Write[]): Error {
  if (error instanceof TransactionCanceledException) {
    const failed = new Map<string, Item | undefined>();
    for (const [index, reason] of (error.CancellationReasons ?? []).entries()) {
      const label = writes[index]?.label;
      if (reason.Code === 'ConditionalCheckFailed' && label !== undefined) failed.set(label, reason.Item);
    }
    if (failed.size > 0) return new ConditionFailed(failed);
  }
  return error instanceof Error ? error : new Error('a transaction failed without an Error');
}
