import type { ApiDeps } from './deps.ts';

type Metric = {
  readonly name: string;
  readonly unit: 'Count' | 'Milliseconds';
  readonly value: number;
};

type MetricDeps = Pick<ApiDeps, 'log' | 'clock'> & {
  readonly settings: Pick<ApiDeps['settings'], 'environment'>;
};

/**
 * A line of the log from which CloudWatch makes a metric of the environment, in its embedded metric format:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function putMetric(
  { log, clock, settings }: MetricDeps,
  event: string,
  { name, unit, value }: Metric,
): void {
  log.info(event, {
    _aws: {
      Timestamp: Math.round(clock.now()),
      CloudWatchMetrics: [
        { Namespace: 'Outpost', Dimensions: [['environment']], Metrics: [{ Name: name, Unit: unit }] },
      ],
    },
    environment: settings.environment,
    [name]: value,
  });
}
