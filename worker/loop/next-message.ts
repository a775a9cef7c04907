import { PRIORITIES } from '../../shared/model/job.ts';
import type { Priority } from '../../shared/model/job.ts';
import type { Queues } from '../../shared/queue/queues.ts';
import { receiveJobs } from '../../shared/queue/receive-jobs.ts';
import type { ReceivedJob } from '../../shared/queue/receive-jobs.ts';
import { sendAnew } from './send-anew.ts';

/** Until it is claimed, a message comes back after this long should the worker die. */
const UNCLAIMED_VISIBILITY_SECONDS = 30;
const LONG_POLL_SECONDS = 20;

/**
 * Every so many passes begin with low, then normal: however full the queues above, a worker takes the oldest
 * low job after at most this many jobs, and half as many for normal.
 */
export const LOW_FIRST_EVERY = 8;

/** In which order pass number `pass` (from 1) looks at the queues. */
export const passOrder = (pass: number): readonly Priority[] => {
  if (pass % LOW_FIRST_EVERY === 0) return ['low', 'normal', 'high'];
  if (pass % (LOW_FIRST_EVERY / 2) === 0) return ['normal', 'high', 'low'];
  return PRIORITIES;
};

/**
 * The next message: a short poll of each queue in the order of the pass, then a long poll of all three at once,
 * of which the first wins. Null when there was none, or `signal` was aborted. SQS's errors pass.
 */
export const nextMessage = async (
  queues: Queues,
  pass: number,
  signal: AbortSignal,
): Promise<ReceivedJob | null> => {
  for (const priority of passOrder(pass)) {
    if (signal.aborted) return null;
    const message = await receiveOne(queues, priority, 0, signal);
    if (message !== null) return message;
  }
  return longPoll(queues, signal);
};

const receiveOne = async (
  queues: Queues,
  priority: Priority,
  waitSeconds: number,
  signal: AbortSignal,
): Promise<ReceivedJob | null> => {
  try {
    const [message] = await receiveJobs(queues, priority, {
      max: 1,
      waitSeconds,
      visibilitySeconds: UNCLAIMED_VISIBILITY_SECONDS,
      signal,
    });
    return message ?? null;
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
};

/** Polls all queues; whatever a loser still received goes back anew, so that no receive is counted for nothing. */
const longPoll = async (queues: Queues, signal: AbortSignal): Promise<ReceivedJob | null> => {
  const decided = new AbortController();
  const until = AbortSignal.any([signal, decided.signal]);
  let winner: ReceivedJob | null = null;
  const polls = PRIORITIES.map(async (priority) => {
    const message = await receiveOne(queues, priority, LONG_POLL_SECONDS, until);
    if (message === null) return;
    if (winner === null) {
      winner = message;
      decided.abort();
    } else {
      await sendAnew(queues, message);
    }
  });
  const failures = (await Promise.allSettled(polls)).filter((poll) => poll.status === 'rejected');
  if (winner === null && failures[0] !== undefined) throw failures[0].reason;
  return winner;
};
