// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import type { LambdaFunction } from '@cdktf/provider-aws/lib/lambda-function';
import { SchedulerSchedule } from '@cdktf/provider-aws/lib/scheduler-schedule';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import { type FunctionName, FUNCTIONS, type FunctionSpec } from '../functions.ts';
import { role } from './role.ts';

/** A late run is as good as none: the next one does its work too. */
const MAXIMUM_AGE_SECONDS = 60;

/** Runs every function that has a schedule, with one role that may invoke exactly those. */
export function schedules(
  scope: Construct,
  { names, settings }: Deployment,
  functions: ReadonlyMap<FunctionName, LambdaFunction>,
): void {
  const scheduled = [...functions].flatMap(([name, target]) => {
    const { trigger }: FunctionSpec = FUNCTIONS[name];
    return trigger.kind === 'schedule' ? [{ name, target, expression: trigger.expression }] : [];
  });
  const scheduler = role(scope, 'scheduler', {
    name: names.own('scheduler'),
    service: 'scheduler.amazonaws.com',
    account: settings.accountId,
    statements: [
      {
        Effect: 'Allow',
        Action: ['lambda:InvokeFunction'],
        Resource: scheduled.map(({ name }) => names.functionArn(name)),
      },
    ],
  });
  for (const { name, target, expression } of scheduled) {
    new SchedulerSchedule(scope, `${name}-schedule`, {
      name: names.own(name),
      scheduleExpression: expression,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: target.arn,
        roleArn: scheduler.arn,
        retryPolicy: { maximumEventAgeInSeconds: MAXIMUM_AGE_SECONDS, maximumRetryAttempts: 0 },
      },
    });
  }
}
