import { type } from 'arktype';
import { describeError } from '../../shared/errors.ts';
import { createApiDeps, readApiEnv } from '../deps.ts';
import { writeAuditEntry } from '../operations/write-audit-entries.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
const SqsEvent = type({ Records: type({ messageId: 'string', body: 'string' }).array() });

/** Writes a batch of the audit queue. What could not be written is named, so that only it comes again. */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false });
    return async (event) => {
      const { Records } = SqsEvent.assert(event);
      const failed = await Promise.all(
        Records.map(async ({ messageId, body }) => {
          try {
            await writeAuditEntry(deps.store, body);
            return undefined;
          } catch (error) {
            deps.log.error('audit_writer.failed', { message_id: messageId, ...describeError(error) });
            return messageId;
          }
        }),
      );
      const batchItemFailures = failed
        .filter((id) => id !== undefined)
        .map((itemIdentifier) => ({ itemIdentifier }));
      return { batchItemFailures };
    };
  },
};
