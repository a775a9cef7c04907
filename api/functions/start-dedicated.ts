import { type } from 'arktype';
import { createApiDeps, readApiEnv } from '../deps.ts';
import { startDedicated } from '../operations/start-dedicated.ts';
import { createDedicatedTasks } from '../runtime/dedicated-tasks.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
const SqsEvent = type({ Records: type({ messageId: 'string', body: 'string' }).array() });

/** Starts a task for the job of each message. What throws comes again, with its batch, which is one message. */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const apiEnv = readApiEnv(env);
    const deps = await createApiDeps(apiEnv, { write, streaming: false });
    const tasks = createDedicatedTasks(env, apiEnv.OUTPOST_ENV);
    return async (event) => {
      const { Records } = SqsEvent.assert(event);
      for (const { messageId, body } of Records)
        await startDedicated(deps, tasks, { body, token: messageId });
      return { batchItemFailures: [] };
    };
  },
};
