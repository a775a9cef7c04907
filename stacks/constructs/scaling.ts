// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { AppautoscalingPolicy } from '@cdktf/provider-aws/lib/appautoscaling-policy';
import { AppautoscalingTarget } from '@cdktf/provider-aws/lib/appautoscaling-target';
import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm';
import type { EcsService } from '@cdktf/provider-aws/lib/ecs-service';
import type { Construct } from 'constructs';
import type { Names } from '../names.ts';
import type { Settings } from '../settings.ts';
import {
  IN_COOLDOWN_SECONDS,
  inSteps,
  OUT_COOLDOWN_SECONDS,
  outPolicies,
  type Step,
} from './scaling-steps.ts';

/** Minutes without a waiting message before idle tasks go. */
const IDLE_MINUTES = 5;

const JOB_QUEUES = ['high', 'normal', 'low'] as const;

/** Scales the service between its bounds. From zero it is raised by the submit path, since SQS reports late. */
export function scaling(scope: Construct, settings: Settings, names: Names, service: EcsService): void {
  const target = new AppautoscalingTarget(scope, 'scaling', {
    serviceNamespace: 'ecs',
    scalableDimension: 'ecs:service:DesiredCount',
    resourceId: `service/${names.cluster}/${service.name}`,
    minCapacity: settings.workers.minimum,
    maxCapacity: settings.workers.maximum,
  });
  const policy = (id: string, cooldown: number, steps: readonly Step[]): AppautoscalingPolicy =>
    new AppautoscalingPolicy(scope, id, {
      name: names.own(id),
      policyType: 'StepScaling',
      serviceNamespace: target.serviceNamespace,
      scalableDimension: target.scalableDimension,
      resourceId: target.resourceId,
      stepScalingPolicyConfiguration: {
        adjustmentType: 'ChangeInCapacity',
        cooldown,
        metricAggregationType: 'Maximum',
        stepAdjustment: [...steps],
      },
    });
  for (const [index, { threshold, steps }] of outPolicies(settings.workers.maximum).entries()) {
    const out = policy(`scale-out-${index}`, OUT_COOLDOWN_SECONDS, steps);
    new CloudwatchMetricAlarm(scope, `backlog-${index}`, {
      alarmName: names.own(`backlog-${index}`),
      alarmDescription: 'Messages wait for workers: adds one for every five',
      comparisonOperator: 'GreaterThanThreshold',
      threshold,
      evaluationPeriods: 1,
      treatMissingData: 'notBreaching',
      alarmActions: [out.arn],
      metricQuery: backlogQueries(names),
    });
  }
  const less = policy('scale-in', IN_COOLDOWN_SECONDS, inSteps);
  new CloudwatchMetricAlarm(scope, 'idle', {
    alarmName: names.own('idle-workers'),
    alarmDescription: 'Workers without work: takes as many as are idle',
    comparisonOperator: 'GreaterThanOrEqualToThreshold',
    threshold: 1,
    evaluationPeriods: IDLE_MINUTES,
    treatMissingData: 'notBreaching',
    alarmActions: [less.arn],
    metricQuery: idleQueries(names),
  });
}

const queueMetric = (names: Names, prefix: string, metricName: string, returnData = false) =>
  JOB_QUEUES.map((queue) => ({
    id: `${prefix}_${queue}`,
    returnData,
    metric: {
      namespace: 'AWS/SQS',
      metricName,
      dimensions: { QueueName: names.queue(queue) },
      period: 60,
      stat: 'Maximum',
    },
  }));

const sum = (prefix: string): string => JOB_QUEUES.map((queue) => `FILL(${prefix}_${queue},0)`).join('+');

const backlogQueries = (names: Names) => [
  { id: 'backlog', expression: sum('visible'), label: 'Waiting messages', returnData: true },
  ...queueMetric(names, 'visible', 'ApproximateNumberOfMessagesVisible'),
];

/**
 * Tasks that hold no message while none waits. Every task reports its CPU once a minute, so the count of samples
 * is the count of tasks: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html
 */
const idleQueries = (names: Names) => [
  {
    id: 'idle',
    expression: `IF(${sum('visible')}==0,FILL(tasks,0)-(${sum('taken')}),0)`,
    label: 'Idle workers',
    returnData: true,
  },
  ...queueMetric(names, 'visible', 'ApproximateNumberOfMessagesVisible'),
  ...queueMetric(names, 'taken', 'ApproximateNumberOfMessagesNotVisible'),
  {
    id: 'tasks',
    returnData: false,
    metric: {
      namespace: 'AWS/ECS',
      metricName: 'CPUUtilization',
      dimensions: { ClusterName: names.cluster, ServiceName: names.workerService },
      period: 60,
      stat: 'SampleCount',
    },
  },
];
