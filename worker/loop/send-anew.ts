import type { Queues } from '../../shared/queue/queues.ts';
import { deleteMessage } from '../../shared/queue/receive-jobs.ts';
import type { ReceivedJob } from '../../shared/queue/receive-jobs.ts';
import { sendJob } from '../../shared/queue/send-job.ts';

/**
 * Gives a message back as a fresh one, then deletes the old: a message that is only made visible again keeps
 * its receive count and would end among the dead letters after three workers that could not take it. One that
 * is no job message is left alone, for exactly that end.
 */
export const sendAnew = async (queues: Queues, received: ReceivedJob, delaySeconds = 0): Promise<void> => {
  if (received.message === undefined) return;
  await sendJob(queues, received.message, delaySeconds);
  await deleteMessage(queues, received);
};
