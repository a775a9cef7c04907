import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm';
import type { Construct } from 'constructs';
import type { Names } from '../names.ts';

export type Metric = {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** `Sum`, `Maximum`, `p99` ... */
  readonly stat: string;
  /** Seconds: 10, 20, 30 or a multiple of 60. */
  readonly period?: number;
};

export type AlarmSpec = {
  readonly name: string;
  readonly about: string;
  /** One metric, or several by a letter that `expression` names. */
  readonly metrics: readonly Metric[];
  readonly expression?: string;
  readonly above: number;
  /** How many periods in a row. */
  readonly periods: number;
  /** What silence means; by default that all is well. */
  readonly missing?: 'breaching' | 'notBreaching';
};

const DEFAULT_PERIOD_SECONDS = 60;

/** The letter by which an expression names a metric: a, b, c ... in the order given. */
const letter = (index: number): string => String.fromCodePoint('a'.charCodeAt(0) + index);

/** An alarm on metrics or on an expression over them, sent to `topicArn`. */
export function alarm(
  scope: Construct,
  names: Names,
  topicArn: string,
  spec: AlarmSpec,
): CloudwatchMetricAlarm {
  return new CloudwatchMetricAlarm(scope, spec.name, {
    alarmName: names.own(spec.name),
    alarmDescription: spec.about,
    comparisonOperator: 'GreaterThanThreshold',
    threshold: spec.above,
    evaluationPeriods: spec.periods,
    treatMissingData: spec.missing ?? 'notBreaching',
    alarmActions: [topicArn],
    okActions: [topicArn],
    metricQuery: [
      ...(spec.expression === undefined
        ? []
        : [{ id: 'value', expression: spec.expression, label: spec.about, returnData: true }]),
      ...spec.metrics.map(({ namespace, name, dimensions, stat, period }, index) => ({
        id: letter(index),
        returnData: spec.expression === undefined,
        metric: {
          namespace,
          metricName: name,
          dimensions: { ...dimensions },
          period: period ?? DEFAULT_PERIOD_SECONDS,
          stat,
        },
      })),
    ],
  });
}
