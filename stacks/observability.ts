// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { CloudwatchDashboard } from '@cdktf/provider-aws/lib/cloudwatch-dashboard';
import { SnsTopic } from '@cdktf/provider-aws/lib/sns-topic';
import { SnsTopicSubscription } from '@cdktf/provider-aws/lib/sns-topic-subscription';
import { type App, TerraformOutput, type TerraformStack } from 'cdktf';
import { alarmSpecs } from './alarms.ts';
import { alarm, type AlarmSpec } from './constructs/alarm.ts';
import { outpostStack } from './constructs/outpost-stack.ts';
import type { Deployment } from './deployment.ts';
import { FUNCTION_NAMES } from './functions.ts';

/** The dashboard, and an alarm for every promise. */
export function observabilityStack(app: App, { names, settings }: Deployment): TerraformStack {
  const stack = outpostStack(app, 'observability', settings);
  const topic = new SnsTopic(stack, 'alarms', { name: names.own('alarms'), kmsMasterKeyId: 'alias/aws/sns' });
  if (settings.alarmEmail !== null) {
    new SnsTopicSubscription(stack, 'alarm-email', {
      topicArn: topic.arn,
      protocol: 'email',
      endpoint: settings.alarmEmail,
    });
  }
  const specs = alarmSpecs(names, FUNCTION_NAMES);
  for (const spec of specs) alarm(stack, names, topic.arn, spec);
  const dashboard = new CloudwatchDashboard(stack, 'dashboard', {
    dashboardName: `outpost-${settings.environment}`,
    dashboardBody: JSON.stringify({
      widgets: specs.map((spec, index) => widget(spec, index, settings.region)),
    }),
  });
  new TerraformOutput(stack, 'dashboard_url', {
    value: `https://${settings.region}.console.aws.amazon.com/cloudwatch/home?region=${settings.region}#dashboards:name=${dashboard.dashboardName}`,
  });
  return stack;
}

const COLUMNS = 2;
const WIDTH = 12;
const HEIGHT = 6;

/** One graph for each alarm, with its threshold as a line. */
function widget(spec: AlarmSpec, index: number, region: string) {
  return {
    type: 'metric',
    x: (index % COLUMNS) * WIDTH,
    y: Math.floor(index / COLUMNS) * HEIGHT,
    width: WIDTH,
    height: HEIGHT,
    properties: {
      title: spec.about,
      region,
      view: 'timeSeries',
      metrics: spec.metrics.map(({ namespace, name, dimensions, stat, period = 60 }) => [
        namespace,
        name,
        ...Object.entries(dimensions).flat(),
        { stat, period },
      ]),
      annotations: { horizontal: [{ label: spec.name, value: spec.above }] },
    },
  };
}
