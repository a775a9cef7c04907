import { ConditionalCheckFailedException, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { AuditEntry } from '../../model/audit-entry.ts';
import { writeExpression } from '../expression.ts';
import { type Store, toItem } from '../store.ts';
import { CERTAINTY, type Certainty } from './certainty.ts';
import { entryItem } from './entry-write.ts';

/** Writes an entry unless a record of the same call that is at least as certain is there. Safe to repeat. */
export async function putEntry(store: Store, entry: AuditEntry, certainty: Certainty): Promise<void> {
  const { UpdateExpression: _, ...condition } = writeExpression({
    condition: 'attribute_not_exists(#entry_key) OR #certainty < :certainty',
    values: { certainty: CERTAINTY[certainty] },
  });
  try {
    await store.client.send(
      new PutItemCommand({
        TableName: store.tables.audit,
        Item: toItem(entryItem(store, entry, certainty)),
        ...condition,
      }),
    );
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}
