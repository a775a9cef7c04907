import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { epochSeconds } from '../../clock.ts';
import { AuditEntry } from '../../model/audit-entry.ts';
import { declaredBy } from '../../model/declared-by.ts';
import { fromItem, type Item, type Store, toItem } from '../store.ts';

export type AuditFilter = {
  /** Timestamps, both included. */
  readonly from: string;
  readonly to: string;
  readonly action?: string;
  readonly resource?: string;
};

export type KeyedEntry = { readonly key: string; readonly entry: AuditEntry };

/** Sorts after every `#<ulid>` of a timestamp. */
const LAST = '#~';
/** How many items one call looks at before it answers with what it has found. */
const EXAMINED = 1_000;

/**
 * Entries of one partition (a tenant, or a shard of strangers), newest first unless `ascending`. Expired ones
 * that TTL has not removed yet are left out. `next` is the key to continue after: there may be more even when
 * few were found, because a filter is applied after reading.
 */
export async function listEntries(
  store: Store,
  partition: string,
  filter: AuditFilter,
  page: { after?: string; limit: number; ascending?: boolean },
): Promise<{ entries: KeyedEntry[]; next: string | undefined }> {
  const entries: KeyedEntry[] = [];
  let start = page.after;
  let examined = 0;
  for (;;) {
    const answer = await query(store, partition, filter, start, page);
    for (const item of answer.Items ?? []) entries.push(keyed(item));
    examined += answer.ScannedCount ?? 0;
    start = answer.LastEvaluatedKey?.['entry_key']?.S;
    if (entries.length >= page.limit) {
      const kept = entries.slice(0, page.limit);
      const more = start !== undefined || entries.length > kept.length;
      return { entries: kept, next: more ? kept.at(-1)?.key : undefined };
    }
    if (start === undefined || examined >= EXAMINED) return { entries, next: start };
  }
}

const query = (
  store: Store,
  partition: string,
  filter: AuditFilter,
  start: string | undefined,
  page: { limit: number; ascending?: boolean },
) => {
  const filters = [
    '#ttl > :now',
    ...(filter.action === undefined ? [] : ['#action = :action']),
    ...(filter.resource === undefined ? [] : ['#resource = :resource']),
  ];
  return store.client.send(
    new QueryCommand({
      TableName: store.tables.audit,
      ConsistentRead: true,
      ScanIndexForward: page.ascending === true,
      Limit: Math.max(page.limit, filter.action === undefined && filter.resource === undefined ? 0 : 100),
      KeyConditionExpression: '#tenant_id = :partition AND #entry_key BETWEEN :from AND :to',
      FilterExpression: filters.join(' AND '),
      ExpressionAttributeNames: {
        '#tenant_id': 'tenant_id',
        '#entry_key': 'entry_key',
        '#ttl': 'ttl',
        ...(filter.action === undefined ? {} : { '#action': 'action' }),
        ...(filter.resource === undefined ? {} : { '#resource': 'resource' }),
      },
      ExpressionAttributeValues: toItem({
        ':partition': partition,
        ':from': filter.from,
        ':to': `${filter.to}${LAST}`,
        ':now': epochSeconds(store.clock.now()),
        ':action': filter.action,
        ':resource': filter.resource,
      }),
      ...(start === undefined
        ? {}
        : { ExclusiveStartKey: toItem({ tenant_id: partition, entry_key: start }) }),
    }),
  );
};

const entryFields = declaredBy(AuditEntry);

const keyed = (item: Item): KeyedEntry => ({
  key: item['entry_key']?.S ?? '',
  entry: fromItem(AuditEntry, entryFields(item)),
});
