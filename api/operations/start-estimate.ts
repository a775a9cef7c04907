import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Clock } from '../../shared/clock.ts';
import { describeError } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { PRIORITIES, type Priority } from '../../shared/model/job.ts';
import type { Queues } from '../../shared/queue/queues.ts';

/** Guesses when a job will start, without a round trip of its own. */
export type StartEstimate = {
  /** Epoch milliseconds. An estimate: nothing depends on it. */
  startOf(priority: Priority): number;
};

const SAMPLE_EVERY_MS = 5_000;
/** Seconds a start takes while nothing has been observed yet. */
const ASSUMED_SECONDS_PER_START = 1;
const MAX_SECONDS_PER_START = 60;

type Sample = { readonly at: number; readonly depth: Readonly<Record<Priority, number>> };

/**
 * The jobs ahead of a new one (waiting with its priority or a higher one) times the seconds that a start has
 * lately taken. The depths are sampled in the background at most every five seconds; the rate of starts is
 * what was accepted here and has left the queues between two samples.
 */
export function createStartEstimate(queues: Queues, clock: Clock, log: Log): StartEstimate {
  let sample: Sample | undefined;
  let secondsPerStart = ASSUMED_SECONDS_PER_START;
  let acceptedSince = 0;
  let sampling = false;

  const depthOf = async (priority: Priority): Promise<number> => {
    const answer = await queues.client.send(
      new GetQueueAttributesCommand({
        QueueUrl: queues.urls[priority],
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    return Number(answer.Attributes?.ApproximateNumberOfMessages ?? 0);
  };

  const takeSample = async (): Promise<void> => {
    const [high, normal, low] = await Promise.all([depthOf('high'), depthOf('normal'), depthOf('low')]);
    const next: Sample = { at: clock.monotonic(), depth: { high, normal, low } };
    if (sample !== undefined) {
      const started = total(sample) + acceptedSince - total(next);
      const seconds = (next.at - sample.at) / 1000;
      if (started > 0) secondsPerStart = Math.min(seconds / started, MAX_SECONDS_PER_START);
    }
    sample = next;
    acceptedSince = 0;
  };

  const sampleInBackground = (): void => {
    if (sampling || (sample !== undefined && clock.monotonic() - sample.at < SAMPLE_EVERY_MS)) return;
    sampling = true;
    takeSample()
      .catch((error: unknown) => log.warn('start_estimate.failed', describeError(error)))
      .finally(() => {
        sampling = false;
      });
  };

  return {
    startOf(priority) {
      sampleInBackground();
      acceptedSince += 1;
      const ahead = PRIORITIES.slice(0, PRIORITIES.indexOf(priority) + 1);
      const waiting = ahead.reduce((sum, each) => sum + (sample?.depth[each] ?? 0), 0);
      return clock.now() + Math.round(waiting * secondsPerStart * 1000);
    },
  };
}

const total = (sample: Sample): number => sample.depth.high + sample.depth.normal + sample.depth.low;
