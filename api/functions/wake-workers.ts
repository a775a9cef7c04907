import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { PRIORITIES, type Priority } from '../../shared/model/job.ts';
import type { ApiDeps } from '../deps.ts';

/** The workers as ECS counts them. */
export type WorkerService = {
  /** Undefined when there is no such service. */
  desired(): Promise<number | undefined>;
  raise(count: number): Promise<void>;
};

/** Row Q3: one task for every five messages, up to 50. Step scaling holds to the same. */
const MESSAGES_PER_TASK = 5;
const MAXIMUM = 50;

/**
 * Raises the workers from zero, by the messages that wait now. From one on it leaves them to the autoscaler,
 * whose metrics come once a minute and, after six idle hours, up to 15 minutes late: that is why zero needs a
 * push. Looking at the queues also keeps their metrics alive. Answers what it raised to, or undefined.
 */
export async function wakeWorkers(
  { queues }: Pick<ApiDeps, 'queues'>,
  workers: WorkerService,
): Promise<number | undefined> {
  const depth = async (priority: Priority): Promise<number> => {
    const answer = await queues.client.send(
      new GetQueueAttributesCommand({
        QueueUrl: queues.urls[priority],
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    return Number(answer.Attributes?.ApproximateNumberOfMessages ?? 0);
  };
  const depths = await Promise.all(PRIORITIES.map(depth));
  const waiting = depths.reduce((sum, each) => sum + each, 0);
  if (waiting === 0 || (await workers.desired()) !== 0) return undefined;
  const count = Math.min(MAXIMUM, Math.ceil(waiting / MESSAGES_PER_TASK));
  await workers.raise(count);
  return count;
}

/** Milliseconds in which one process looks once: a burst of submissions is one occasion. */
const LOOK_EVERY_MS = 10_000;

/** Looks after workers at most every ten seconds; undefined when it was not yet time. */
export function createWaker(
  deps: Pick<ApiDeps, 'queues' | 'clock' | 'log'>,
  workers: WorkerService,
): () => Promise<void> | undefined {
  let looked = -Infinity;
  return () => {
    const now = deps.clock.monotonic();
    if (now - looked < LOOK_EVERY_MS) return undefined;
    looked = now;
    return wakeWorkers(deps, workers).then((count) => {
      if (count !== undefined) deps.log.info('workers.woken', { count });
    });
  };
}
