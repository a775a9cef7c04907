import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { writeAuditEntry } from '../../api/operations/write-audit-entries.ts';
import type { Aws } from '../../shared/deps.ts';
import { AuditEntry } from '../../shared/model/audit-entry.ts';
import type { Queues } from '../../shared/queue/queues.ts';
import type { Store } from '../../shared/store/store.ts';
import type { TableId } from '../../shared/tables.ts';

/** Every item of a table, as it lies there. */
export async function scanTable(store: Store, table: TableId): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  const pages = paginateScan(
    { client: store.client },
    { TableName: store.tables[table], ConsistentRead: true },
  );
  for await (const { Items = [] } of pages) items.push(...Items.map((item) => unmarshall(item)));
  return items;
}

const StoredEntry = AuditEntry.onUndeclaredKey('delete');

/** Every entry of the audit table, of all partitions. */
export const allEntries = async (store: Store): Promise<AuditEntry[]> =>
  (await scanTable(store, 'audit')).map((item) => StoredEntry.assert(item));

/** Writes what is in the audit queue into the table, as the audit writer does. */
export async function drainAuditQueue({ queues, store }: Pick<Aws, 'queues' | 'store'>): Promise<void> {
  for (;;) {
    const { Messages = [] } = await queues.client.send(
      new ReceiveMessageCommand({ QueueUrl: queues.urls.audit, MaxNumberOfMessages: 10 }),
    );
    if (Messages.length === 0) return;
    await Promise.all(Messages.map(({ Body = '' }) => writeAuditEntry(store, Body)));
    await queues.client.send(
      new DeleteMessageBatchCommand({
        QueueUrl: queues.urls.audit,
        Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      }),
    );
  }
}

/** Messages of the audit queue that wait or are being written. */
export async function auditBacklog(queues: Queues): Promise<number> {
  const { Attributes = {} } = await queues.client.send(
    new GetQueueAttributesCommand({
      QueueUrl: queues.urls.audit,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Object.values(Attributes).reduce((total, count) => total + Number(count), 0);
}

/**
 * A message that the writer failed on comes back after seconds: no test waits for the queue's 15 minutes. As often
 * as it takes, since faults that last for a minute would otherwise use up receives that are to last for hours.
 */
export async function retryAuditSoon(queues: Queues): Promise<void> {
  const QueueUrl = queues.urls.audit;
  const { Attributes } = await queues.client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['RedrivePolicy'] }),
  );
  const policy: object = JSON.parse(Attributes?.RedrivePolicy ?? '{}');
  const RedrivePolicy = JSON.stringify({ ...policy, maxReceiveCount: 1000 });
  await queues.client.send(
    new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: '5', RedrivePolicy } }),
  );
}
