import { addedFor, OUT_COOLDOWN_SECONDS, outPolicies } from '../../stacks/constructs/scaling-steps.ts';

/** What the simulation takes for granted. Seconds, unless said otherwise. */
export type Assumptions = {
  /** Between the submit that finds no worker and ECS's new desired count. */
  readonly wakeDelay: number;
  /** SQS publishes once a minute, and an alarm sees it so much later. */
  readonly metricPeriod: number;
  readonly metricDelay: number;
  /** Fargate launches so many tasks at once, and then so many a second. */
  readonly launchBurst: number;
  readonly launchRate: number;
  /** From the launch to the first poll: image and boot. */
  readonly startSeconds: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly jobSeconds: number;
};

/**
 * Sources: SQS metrics every minute (AWS, Monitoring SQS with CloudWatch); alarm delay of one more period
 * (assumed); Fargate launch rate 20/s with a burst of 100 (AWS, Fargate throttling quotas); 57 s for a 413 MB
 * image (third party, not AWS's promise); wake from the submit path (api/functions/wake-workers.ts: two calls).
 */
export const DOCUMENTED: Assumptions = {
  wakeDelay: 1,
  metricPeriod: 60,
  metricDelay: 60,
  launchBurst: 100,
  launchRate: 20,
  startSeconds: 57,
  minimum: 0,
  maximum: 50,
  jobSeconds: 120,
};

export type Sample = {
  readonly at: number;
  readonly backlog: number;
  readonly workers: number;
  readonly desired: number;
};

export type Run = {
  readonly samples: readonly Sample[];
  /** Seconds until as many workers poll as may; null when that never happened. */
  readonly secondsToMaximum: number | null;
  readonly secondsToEmpty: number | null;
  readonly workerSeconds: number;
};

/**
 * Plays a submission of jobs second by second: `arrivals` by the second in which they come. Ends when all work
 * is done, or after two hours. Scaling in is left out: it only begins when the backlog is gone.
 */
export function simulate(arrivals: readonly number[], assumptions: Assumptions): Run {
  const policies = outPolicies(assumptions.maximum);
  const samples: Sample[] = [];
  const metrics: number[] = [];
  let desired = assumptions.minimum;
  let tokens = assumptions.launchBurst;
  let backlog = 0;
  let lastScale = -Infinity;
  let wakeAt = Infinity;
  let launched = assumptions.minimum;
  let workers = assumptions.minimum;
  const starting: number[] = [];
  let busy: number[] = [];
  let secondsToMaximum: number | null = null;
  let secondsToEmpty: number | null = null;
  let workerSeconds = 0;

  for (let at = 0; at < 7200; at += 1) {
    const arriving = arrivals[at] ?? 0;
    backlog += arriving;
    if (arriving > 0 && desired === 0 && wakeAt === Infinity) wakeAt = at + assumptions.wakeDelay;
    if (at === wakeAt) desired = Math.max(1, Math.min(assumptions.maximum, Math.ceil(backlog / 5)));

    if (at % assumptions.metricPeriod === 0) metrics.push(backlog);
    const visible = metrics[Math.floor((at - assumptions.metricDelay) / assumptions.metricPeriod)];
    const isEvaluation = at % assumptions.metricPeriod === 0;
    if (isEvaluation && visible !== undefined && at - lastScale >= OUT_COOLDOWN_SECONDS) {
      const added = addedFor(visible, policies);
      if (added > 0 && desired < assumptions.maximum) {
        desired = Math.min(assumptions.maximum, desired + added);
        lastScale = at;
      }
    }

    tokens = Math.min(assumptions.launchBurst, tokens + assumptions.launchRate);
    while (launched < desired && tokens >= 1) {
      tokens -= 1;
      launched += 1;
      starting.push(at + assumptions.startSeconds);
    }
    while (starting[0] !== undefined && starting[0] <= at) {
      starting.shift();
      workers += 1;
    }
    busy = busy.filter((end) => end > at);
    while (backlog > 0 && busy.length < workers) {
      backlog -= 1;
      busy.push(at + assumptions.jobSeconds);
    }
    workerSeconds += launched;
    if (secondsToMaximum === null && workers >= assumptions.maximum) secondsToMaximum = at;
    samples.push({ at, backlog, workers, desired });
    const submitted = at >= arrivals.length;
    if (submitted && backlog === 0 && busy.length === 0) {
      secondsToEmpty = at;
      break;
    }
  }
  return { samples, secondsToMaximum, secondsToEmpty, workerSeconds };
}
