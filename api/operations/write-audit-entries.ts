import { type } from 'arktype';
import { AuditEntry } from '../../shared/model/audit-entry.ts';
import { putEntry } from '../../shared/store/audit/put-entry.ts';
import type { Store } from '../../shared/store/store.ts';

const Message = type('string.json.parse').to({
  v: '1',
  entry: AuditEntry,
  certainty: "'expected' | 'observed' | 'committed'",
});

/** Writes one message of the audit queue into the table. Throws for anything that is none: it is left to the dead-letter queue. */
export async function writeAuditEntry(store: Store, body: string): Promise<void> {
  const message = Message(body);
  if (message instanceof type.errors) throw new Error('not an audit message');
  await putEntry(store, message.entry, message.certainty);
}
