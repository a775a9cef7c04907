import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { encodeTime } from 'ulid';
import { isoTime } from '../../clock.ts';
import { LedgerRow } from '../../model/billing.ts';
import type { JobRecord } from '../../model/job.ts';
import { closedKey, ledgerKey, tenantKey } from '../item-keys.ts';
import type { Change } from '../expression.ts';
import { fromItem, getItem, type Item, type Store, toItem } from '../store.ts';
import { ConditionFailed, transact, type Write } from '../transact.ts';
import { updateItem } from '../update-item.ts';
import { ledgerOutbox } from './outbox.ts';

/**
 * The row of a job that counts; belongs into the transaction that ends the job, labelled `ledger`. The key is
 * the job's, so no job is billed twice.
 */
export const ledgerWrite = (job: JobRecord, billableAt: string): Write => ({
  label: 'ledger',
  table: 'tenants',
  put: {
    ...ledgerKey(job.tenant_id, job.job_id),
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    agent: job.agent,
    billable_at: billableAt,
    usage_period: job.usage_period,
    outbox: ledgerOutbox(job.tenant_id),
    outbox_at: billableAt,
  },
  condition: 'attribute_not_exists(#pk)',
});

/** Older than this no job is when it ends: rows lie under the ULID of their job, which says when it began. */
const JOB_LIFE_MS = 60 * 86_400_000;
/** The process that named a job and the one that ended it may differ by this, and more. */
const CLOCKS_APART_MS = 3_600_000;
const FIRST_RANDOM = '0'.repeat(16);

export async function getLedgerRow(
  store: Store,
  tenantId: string,
  jobId: string,
): Promise<LedgerRow | undefined> {
  const item = await getItem(store, 'tenants', ledgerKey(tenantId, jobId));
  return item && fromItem(LedgerRow, item);
}

/** When a row counts for Stripe: the end of its job, or later when that period's invoice was closed already. */
export const meteredAt = (row: LedgerRow): string => row.metered_at ?? row.billable_at;

/** A tenant's rows that count in a window, its start included and its end not; read strongly. */
export async function ledgerBetween(
  store: Store,
  tenantId: string,
  from: string,
  to: string,
): Promise<LedgerRow[]> {
  const rows: LedgerRow[] = [];
  let start: Item | undefined;
  do {
    const answer = await store.client.send(
      new QueryCommand({
        TableName: store.tables.tenants,
        ConsistentRead: true,
        KeyConditionExpression: '#pk = :pk AND #sk BETWEEN :first AND :last',
        FilterExpression: '#billable_at < :to',
        ExpressionAttributeNames: { '#pk': 'pk', '#sk': 'sk', '#billable_at': 'billable_at' },
        ExpressionAttributeValues: toItem({
          ':pk': tenantKey(tenantId).pk,
          ':first': `LEDGER#${encodeTime(Math.max(Date.parse(from) - JOB_LIFE_MS, 0))}${FIRST_RANDOM}`,
          ':last': `LEDGER#${encodeTime(Date.parse(to) + CLOCKS_APART_MS)}${FIRST_RANDOM}`,
          ':to': to,
        }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    rows.push(...(answer.Items ?? []).map((item) => fromItem(LedgerRow, item)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return rows.filter((row) => meteredAt(row) >= from && meteredAt(row) < to);
}

/** Whether an invoice charges a row: all but those that Stripe was never told of, or was told of too late. */
export const isBilled = ({ report_outcome: outcome }: LedgerRow): boolean =>
  outcome !== 'unmetered' && outcome !== 'expired';

/**
 * Fixes the second that Stripe will be told, before it is told; answers the row as it is then. Undefined when
 * the tenant's closed time moved meanwhile, or somebody else fixed the row: then it must be read again.
 */
export async function fixMeteredAt(
  store: Store,
  row: LedgerRow,
  at: string,
  closedUntil: string | undefined,
): Promise<LedgerRow | undefined> {
  if (row.metered_at !== undefined) return row;
  const fixed = { metered_at: at, metering_since: isoTime(store.clock.now()) };
  try {
    await transact(store, [
      {
        label: 'ledger',
        table: 'tenants',
        update: ledgerKey(row.tenant_id, row.job_id),
        change: { set: fixed, ...meteredAsRead(row) },
      },
      closedCheck(row.tenant_id, closedUntil),
    ]);
    return { ...row, ...fixed };
  } catch (error) {
    if (error instanceof ConditionFailed) return undefined;
    throw error;
  }
}

const closedCheck = (tenantId: string, closedUntil: string | undefined): Write => ({
  label: 'closed',
  table: 'tenants',
  check: closedKey(tenantId),
  ...(closedUntil === undefined
    ? { condition: 'attribute_not_exists(#pk)' }
    : { condition: '#until = :until', values: { until: closedUntil } }),
});

/** Until when a tenant's usage is on invoices that were closed: what comes later counts after it. */
export type Closed = {
  readonly until: string;
  /** Raised by every row that is carried over: who decides by the rows of a window decides alone. */
  readonly revision: number;
};

export async function readClosed(store: Store, tenantId: string): Promise<Closed | undefined> {
  const item = await getItem(store, 'tenants', closedKey(tenantId));
  const until = item?.['until']?.S;
  return until === undefined ? undefined : { until, revision: Number(item?.['revision']?.N ?? 0) };
}

/** Closes a tenant's usage until then; never moves back. */
export async function closeUntil(store: Store, tenantId: string, until: string): Promise<void> {
  await updateItem(store, 'tenants', closedKey(tenantId), {
    set: { until },
    condition: 'attribute_not_exists(#until) OR #until < :until',
    values: { until },
  });
}

/**
 * Has a row that a closed invoice does not carry count where the tenant's usage is still open, back in the outbox.
 * `identifier` is a name that Stripe has not seen. Answers what is closed as it is then; undefined when that, or
 * the row, was no longer as it had been read: nothing was written.
 */
export async function carryOver(
  store: Store,
  row: LedgerRow,
  closed: Closed,
  identifier: string | undefined,
): Promise<Closed | undefined> {
  const now = isoTime(store.clock.now());
  const revision = closed.revision + 1;
  try {
    await transact(store, [
      {
        label: 'ledger',
        table: 'tenants',
        update: ledgerKey(row.tenant_id, row.job_id),
        change: {
          set: {
            metered_at: closed.until,
            metering_since: now,
            meter_identifier: identifier,
            outbox: ledgerOutbox(row.tenant_id),
            outbox_at: now,
          },
          remove: ['report_outcome', 'reported_at'],
          ...meteredAsRead(row),
        },
      },
      {
        label: 'closed',
        table: 'tenants',
        update: closedKey(row.tenant_id),
        change: {
          set: { revision },
          condition: '#until = :until AND (attribute_not_exists(#revision) OR #revision = :seen)',
          values: { until: closed.until, seen: closed.revision },
        },
      },
    ]);
    return { ...closed, revision };
  } catch (error) {
    if (error instanceof ConditionFailed) return undefined;
    throw error;
  }
}

/** Takes a row out of the outbox: Stripe has it, or never will (`outcome` says which). False when it was carried over. */
export async function settleRow(
  store: Store,
  row: LedgerRow,
  outcome: 'reported' | 'unmetered' | 'expired',
): Promise<boolean> {
  const settled = await updateItem(store, 'tenants', ledgerKey(row.tenant_id, row.job_id), {
    set: {
      report_outcome: outcome,
      ...(outcome === 'reported' ? { reported_at: isoTime(store.clock.now()) } : {}),
    },
    remove: ['outbox', 'outbox_at'],
    ...meteredAsRead(row),
  });
  return settled !== undefined;
}

/** A row is what was read as long as it counts at the same time. */
const meteredAsRead = ({ metered_at: seen }: LedgerRow): Pick<Change, 'condition' | 'values'> =>
  seen === undefined
    ? { condition: 'attribute_exists(#pk) AND attribute_not_exists(#metered_at)' }
    : { condition: '#metered_at = :seen_metered_at', values: { seen_metered_at: seen } };
