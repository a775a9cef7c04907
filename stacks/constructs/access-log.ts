// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import type { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { CloudwatchLogSubscriptionFilter } from '@cdktf/provider-aws/lib/cloudwatch-log-subscription-filter';
import type { LambdaFunction } from '@cdktf/provider-aws/lib/lambda-function';
import { LambdaPermission } from '@cdktf/provider-aws/lib/lambda-permission';
import type { Construct } from 'constructs';

/**
 * Only what never reached the app: the gateway writes `-` for the status of an integration that it did not call.
 * The app audits everything else, so that each request id has one entry (row A4).
 */
const NOT_INTEGRATED = '{ $.integration_status = "-" }';

/** Hands the gateway's own refusals to a function. */
export function accessLogIngestion(scope: Construct, reader: LambdaFunction, logs: CloudwatchLogGroup): void {
  const permission = new LambdaPermission(scope, 'access-log-permission', {
    functionName: reader.functionName,
    action: 'lambda:InvokeFunction',
    principal: 'logs.amazonaws.com',
    sourceArn: `${logs.arn}:*`,
  });
  new CloudwatchLogSubscriptionFilter(scope, 'access-log-subscription', {
    name: 'refused-by-the-gateway',
    logGroupName: logs.name,
    filterPattern: NOT_INTEGRATED,
    destinationArn: reader.arn,
    dependsOn: [permission],
  });
}
