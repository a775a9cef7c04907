import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { describeError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import type { AuditEntry } from '../shared/model/audit-entry.ts';
import type { Queues } from '../shared/queue/queues.ts';
import type { Certainty } from '../shared/store/audit/certainty.ts';
import { putEntry } from '../shared/store/audit/put-entry.ts';
import type { Store } from '../shared/store/store.ts';

export type AuditTrail = {
  /**
   * Records a call that changed nothing: through the audit queue, and by a direct write when the queue fails.
   * Throws when neither took it; the entry is then in the log, whole.
   */
  record(entry: AuditEntry, certainty: Certainty): Promise<void>;
};

/** One message of the audit queue. */
export type AuditMessage = { readonly v: 1; readonly entry: AuditEntry; readonly certainty: Certainty };

export function createAuditTrail(queues: Queues, store: Store, log: Log): AuditTrail {
  return {
    async record(entry, certainty) {
      const message: AuditMessage = { v: 1, entry, certainty };
      try {
        await queues.client.send(
          new SendMessageCommand({ QueueUrl: queues.urls.audit, MessageBody: JSON.stringify(message) }),
        );
      } catch (queueError) {
        log.warn('audit.queue_failed', { request_id: entry.request_id, ...describeError(queueError) });
        try {
          await putEntry(store, entry, certainty);
        } catch (error) {
          log.error('audit.lost', { entry, certainty, ...describeError(error) });
          throw error;
        }
      }
    },
  };
}
