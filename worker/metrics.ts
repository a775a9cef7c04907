import type { Clock } from '../shared/clock.ts';

/**
 * Metrics in CloudWatch's embedded metric format: lines of the log from which CloudWatch makes metrics.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
const UNITS = {
  QueueAge: 'Milliseconds',
  RunTime: 'Milliseconds',
  JobsEnded: 'Count',
  JobsFailed: 'Count',
  JobsHandedBack: 'Count',
  LeasesLost: 'Count',
  Heartbeats: 'Count',
  HeartbeatsMissed: 'Count',
  OutputBytes: 'Bytes',
  IsolationProbeFailed: 'Count',
} as const;

export type MetricName = keyof typeof UNITS;

export type Metrics = {
  /** Records values in one line. `dimensions` come besides the environment; they must have few values. */
  put(values: Partial<Record<MetricName, number>>, dimensions?: Readonly<Record<string, string>>): void;
};

const NAMESPACE = 'Outpost';

/** Metrics that hand their lines to `write`. */
export const createMetrics = (write: (line: string) => void, environment: string, clock: Clock): Metrics => ({
  put: (values, dimensions = {}) => {
    const all = { environment, ...dimensions };
    const metrics = Object.entries(UNITS)
      .filter(([name]) => name in values)
      .map(([Name, Unit]) => ({ Name, Unit }));
    write(
      JSON.stringify({
        _aws: {
          Timestamp: Math.round(clock.now()),
          CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [Object.keys(all)], Metrics: metrics }],
        },
        ...all,
        ...values,
      }),
    );
  },
});
