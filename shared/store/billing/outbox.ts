import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { sha256 } from '../../hash.ts';
import { type Item, type Store, toItem } from '../store.ts';

/** What waits in the outbox: each kind has its own partition of the index, the ledger several. */
export const OUTBOXES = {
  /** Counters of capped tenants, looked at for alerts until their last alert was raised. */
  quota: 'quota',
  alert: 'alert',
  /** Tenants to be compared with Stripe. */
  sync: 'sync',
  /** Draft invoices that wait for the finalisation gate. */
  invoice: 'invoice',
} as const;

/** One hot partition would bound the rate at which jobs end. */
export const LEDGER_SHARDS = 8;

export const ledgerOutbox = (tenantId: string): string =>
  `ledger#${Number.parseInt(sha256(tenantId).slice(0, 4), 16) % LEDGER_SHARDS}`;

export type OutboxEntry = {
  readonly key: { readonly pk: string; readonly sk: string };
  readonly dueAt: string;
};

const PAGE = 200;

/**
 * Items of a kind that are due, longest overdue first. The index lags behind the table: whoever handles an
 * entry reads the item itself and leaves the outbox under a condition.
 */
export async function* dueEntries(store: Store, outbox: string): AsyncGenerator<OutboxEntry> {
  const now = new Date(store.clock.now()).toISOString();
  let start: Item | undefined;
  do {
    const answer = await store.client.send(
      new QueryCommand({
        TableName: store.tables.tenants,
        IndexName: 'outbox',
        Limit: PAGE,
        KeyConditionExpression: '#outbox = :outbox AND #outbox_at <= :now',
        ExpressionAttributeNames: { '#outbox': 'outbox', '#outbox_at': 'outbox_at' },
        ExpressionAttributeValues: toItem({ ':outbox': outbox, ':now': now }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    for (const item of answer.Items ?? []) {
      yield {
        key: { pk: item['pk']?.S ?? '', sk: item['sk']?.S ?? '' },
        dueAt: item['outbox_at']?.S ?? '',
      };
    }
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
}

/** The tenant that an item of the tenants table lies under; undefined for what lies elsewhere. */
export const tenantOfKey = (key: { readonly pk: string }): string | undefined =>
  key.pk.startsWith('TENANT#') ? key.pk.slice('TENANT#'.length) : undefined;
