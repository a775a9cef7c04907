/** Row Q3. */
const MESSAGES_PER_TASK = 5;
export const OUT_COOLDOWN_SECONDS = 60;
export const IN_COOLDOWN_SECONDS = 300;
/** AWS: step adjustments per policy. https://docs.aws.amazon.com/general/latest/gr/as-app.html */
const STEPS_PER_POLICY = 20;

/** A step as Application Auto Scaling takes it: bounds are relative to the alarm's threshold. */
export type Step = {
  readonly metricIntervalLowerBound?: string;
  readonly metricIntervalUpperBound?: string;
  readonly scalingAdjustment: number;
};

export type OutPolicy = { readonly threshold: number; readonly steps: readonly Step[] };

/**
 * The policies that add one task for every five waiting messages. One policy has at most 20 steps, so each goes
 * on where the one before ends; of several that fire, the largest capacity wins.
 */
export function outPolicies(maximum: number): OutPolicy[] {
  const policies: OutPolicy[] = [];
  for (let first = 1; first <= maximum; first += STEPS_PER_POLICY) {
    const last = Math.min(first + STEPS_PER_POLICY - 1, maximum);
    const steps = Array.from({ length: last - first + 1 }, (_, index): Step => {
      const upper =
        first + index === last ? {} : { metricIntervalUpperBound: String((index + 1) * MESSAGES_PER_TASK) };
      return {
        metricIntervalLowerBound: String(index * MESSAGES_PER_TASK),
        ...upper,
        scalingAdjustment: first + index,
      };
    });
    policies.push({ threshold: (first - 1) * MESSAGES_PER_TASK, steps });
  }
  return policies;
}

/** Takes as many tasks as are idle, 20 at a time. Busy ones are protected, and would be in the way of new ones. */
export const inSteps: readonly Step[] = Array.from({ length: STEPS_PER_POLICY }, (_, index) => ({
  metricIntervalLowerBound: String(index),
  ...(index === STEPS_PER_POLICY - 1 ? {} : { metricIntervalUpperBound: String(index + 1) }),
  scalingAdjustment: -(index + 1),
}));

/** How many tasks the policies add for a backlog: of those whose alarms fire, the one that adds most. */
export function addedFor(backlog: number, policies: readonly OutPolicy[]): number {
  const additions = policies
    .filter(({ threshold }) => backlog > threshold)
    .flatMap(({ threshold, steps }) =>
      steps
        .filter(
          ({ metricIntervalLowerBound = '-Infinity', metricIntervalUpperBound = 'Infinity' }) =>
            backlog - threshold >= Number(metricIntervalLowerBound) &&
            backlog - threshold < Number(metricIntervalUpperBound),
        )
        .map(({ scalingAdjustment }) => scalingAdjustment),
    );
  return Math.max(0, ...additions);
}
