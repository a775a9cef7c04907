import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { describeError } from '../../shared/errors.ts';
import { type ApiDeps, createApiDeps, readApiEnv } from '../deps.ts';
import { judgeDeadLetter } from '../operations/judge-dead-letter.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/** Letters in one run: one that is kept is hidden for the queue's 15 minutes, and then judged again. */
const MAX_LETTERS = 500;

/**
 * Judges the letters of the dead-letter queue and deletes those that need nobody. It polls, on a schedule,
 * because Lambda's own poller would delete what is to stay, or receive it without end.
 */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false });
    return async (_, { signal }) => {
      const counts = { kept: 0, resent: 0, running: 0, failed: 0 };
      for (let seen = 0; seen < MAX_LETTERS && !signal.aborted;) {
        const letters = await receive(deps);
        if (letters.length === 0) break;
        for (const outcome of await Promise.all(letters.map((letter) => judge(deps, letter)))) {
          counts[outcome] += 1;
        }
        seen += letters.length;
      }
      deps.log.info('dead_letters', counts);
      return counts;
    };
  },
};

type Letter = { readonly body: string; readonly receipt: string | undefined };

async function receive({ queues }: ApiDeps): Promise<Letter[]> {
  const { Messages = [] } = await queues.client.send(
    new ReceiveMessageCommand({ QueueUrl: queues.urls.dead, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
  );
  return Messages.map(({ Body = '', ReceiptHandle }) => ({ body: Body, receipt: ReceiptHandle }));
}

async function judge(deps: ApiDeps, letter: Letter): Promise<'kept' | 'resent' | 'running' | 'failed'> {
  try {
    const judgement = await judgeDeadLetter(deps, letter.body);
    if (judgement !== 'kept') {
      await deps.queues.client.send(
        new DeleteMessageCommand({ QueueUrl: deps.queues.urls.dead, ReceiptHandle: letter.receipt }),
      );
    }
    return judgement;
  } catch (error) {
    // The letter comes back when its visibility ends.
    deps.log.error('dead_letter.failed', describeError(error));
    return 'failed';
  }
}
