import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { InvoiceRecord } from '../../model/billing.ts';
import { invoiceKey, tenantKey } from '../item-keys.ts';
import { fromItem, getItem, type Item, type Store, toItem } from '../store.ts';
import { updateItem } from '../update-item.ts';
import { OUTBOXES } from './outbox.ts';

/**
 * Stores an invoice as Stripe was asked for it, if nobody stored it since it was read as `before` (which must
 * have been before Stripe was asked): so what is stored last was asked last. False when somebody did. What the
 * gate noted of it stays.
 */
export async function storeInvoice(
  store: Store,
  before: InvoiceRecord | undefined,
  record: InvoiceRecord,
): Promise<boolean> {
  const seen = before?.revision;
  const stored = await updateItem(store, 'tenants', invoiceKey(record.tenant_id, record.invoice_id), {
    set: { ...record, revision: (seen ?? 0) + 1 },
    ...(seen === undefined
      ? { condition: 'attribute_not_exists(#revision)' }
      : { condition: '#revision = :seen', values: { seen } }),
  });
  return stored !== undefined;
}

export async function getInvoice(
  store: Store,
  tenantId: string,
  invoiceId: string,
): Promise<InvoiceRecord | undefined> {
  const item = await getItem(store, 'tenants', invoiceKey(tenantId, invoiceId));
  return item && fromItem(InvoiceRecord, item);
}

/** All invoices of a tenant, newest first: one a month and a few for changes of plan. */
export async function invoicesOf(store: Store, tenantId: string): Promise<InvoiceRecord[]> {
  const invoices: InvoiceRecord[] = [];
  let start: Item | undefined;
  do {
    const answer = await store.client.send(
      new QueryCommand({
        TableName: store.tables.tenants,
        ConsistentRead: true,
        KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
        ExpressionAttributeNames: { '#pk': 'pk', '#sk': 'sk' },
        ExpressionAttributeValues: toItem({ ':pk': tenantKey(tenantId).pk, ':prefix': 'INVOICE#' }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    invoices.push(...(answer.Items ?? []).map((item) => fromItem(InvoiceRecord, item)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return invoices.toSorted((a, b) => (sortText(a) < sortText(b) ? 1 : -1));
}

const sortText = (invoice: InvoiceRecord): string => `${invoice.created_at}#${invoice.invoice_id}`;

/** Has the finalisation gate look at an invoice at a time. */
export async function gateAt(store: Store, tenantId: string, invoiceId: string, at: string): Promise<void> {
  await updateItem(store, 'tenants', invoiceKey(tenantId, invoiceId), {
    set: { outbox: OUTBOXES.invoice, outbox_at: at },
    condition: 'attribute_exists(#pk)',
  });
}

/** The gate is done with an invoice. */
export async function leaveGate(
  store: Store,
  tenantId: string,
  invoiceId: string,
  passedAt: string | undefined,
): Promise<void> {
  await updateItem(store, 'tenants', invoiceKey(tenantId, invoiceId), {
    set: { passed_at: passedAt },
    remove: ['outbox', 'outbox_at'],
    condition: 'attribute_exists(#pk)',
  });
}
