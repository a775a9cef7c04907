// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import type { LambdaFunction } from '@cdktf/provider-aws/lib/lambda-function';
import { LambdaFunctionUrl } from '@cdktf/provider-aws/lib/lambda-function-url';
import { LambdaLayerVersion } from '@cdktf/provider-aws/lib/lambda-layer-version';
import { LambdaPermission } from '@cdktf/provider-aws/lib/lambda-permission';
import { SnsTopic } from '@cdktf/provider-aws/lib/sns-topic';
import { type App, TerraformOutput, type TerraformStack } from 'cdktf';
import { accessLogIngestion } from './constructs/access-log.ts';
import { bunFunction, uploaded } from './constructs/bun-function.ts';
import { gateway } from './constructs/gateway.ts';
import { ALERT_TOPIC } from './constructs/link.ts';
import { outpostStack } from './constructs/outpost-stack.ts';
import { queueTrigger } from './constructs/queue-trigger.ts';
import { schedules } from './constructs/schedules.ts';
import type { Deployment } from './deployment.ts';
import { type FunctionName, FUNCTIONS, FUNCTION_NAMES, type FunctionSpec } from './functions.ts';

/** The HTTP API, the functions and what calls them. */
export function apiStack(app: App, deployment: Deployment): TerraformStack {
  const stack = outpostStack(app, 'api', deployment.settings);
  const layer = bunLayer(stack, deployment);
  const functions = new Map(
    FUNCTION_NAMES.map((name) => [name, bunFunction(stack, deployment, name, layer)]),
  );
  const named = (name: FunctionName): LambdaFunction => {
    const found = functions.get(name);
    if (found === undefined) throw new Error(`the function ${name} is not part of this deployment`);
    return found;
  };

  const { url, logs } = gateway(stack, deployment, { api: named('api'), authorizer: named('authorizer') });
  accessLogIngestion(stack, named('access-log'), logs);
  queueTriggers(stack, deployment, functions);
  schedules(stack, deployment, functions);
  rotationPermission(stack, deployment, named('rotation'));
  const stream = streamUrl(stack, named('stream'));

  // Whoever is to know of them subscribes to it, by the attribute tenant_id if only some.
  const alerts = new SnsTopic(stack, 'quota-alerts', {
    name: deployment.names.own(ALERT_TOPIC),
    kmsMasterKeyId: 'alias/aws/sns',
  });

  new TerraformOutput(stack, 'api_url', { value: url });
  new TerraformOutput(stack, 'quota_alerts_topic', { value: alerts.arn });
  new TerraformOutput(stack, 'stream_url', { value: stream.functionUrl });
  return stack;
}

function bunLayer(stack: TerraformStack, deployment: Deployment): LambdaLayerVersion {
  const { settings, names, artifacts } = deployment;
  const code = uploaded(stack, 'layer', deployment, artifacts.layer);
  return new LambdaLayerVersion(stack, 'layer', {
    layerName: names.own('bun'),
    description: 'Bun, as a Lambda runtime',
    s3Bucket: code.bucket,
    s3Key: code.key,
    compatibleRuntimes: ['provided.al2023'],
    compatibleArchitectures: [settings.architecture === 'arm64' ? 'arm64' : 'x86_64'],
    // Functions of an older deployment keep theirs until they are replaced.
    skipDestroy: true,
  });
}

function queueTriggers(
  stack: TerraformStack,
  deployment: Deployment,
  functions: ReadonlyMap<FunctionName, LambdaFunction>,
): void {
  for (const [name, target] of functions) {
    const { trigger }: FunctionSpec = FUNCTIONS[name];
    if (trigger.kind === 'queue') queueTrigger(stack, name, target, deployment.names, trigger);
  }
}

/** The API as a URL that streams: an HTTP API answers only with whole bodies. The app authenticates. */
function streamUrl(stack: TerraformStack, stream: LambdaFunction): LambdaFunctionUrl {
  const url = new LambdaFunctionUrl(stack, 'stream-url', {
    functionName: stream.functionName,
    authorizationType: 'NONE',
    invokeMode: 'RESPONSE_STREAM',
  });
  // Both permissions are what AWS requires of a URL without IAM; each only opens calls through the URL.
  // https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
  new LambdaPermission(stack, 'stream-url-permission', {
    functionName: stream.functionName,
    action: 'lambda:InvokeFunctionUrl',
    principal: '*',
    functionUrlAuthType: 'NONE',
  });
  const invoke = new LambdaPermission(stack, 'stream-invoke-permission', {
    functionName: stream.functionName,
    action: 'lambda:InvokeFunction',
    principal: '*',
  });
  // Younger than the bindings; without it the function would be everybody's to call past the URL.
  invoke.addOverride('invoked_via_function_url', true);
  return url;
}

function rotationPermission(stack: TerraformStack, { settings }: Deployment, rotation: LambdaFunction): void {
  new LambdaPermission(stack, 'rotation-permission', {
    functionName: rotation.functionName,
    action: 'lambda:InvokeFunction',
    principal: 'secretsmanager.amazonaws.com',
    sourceAccount: settings.accountId,
    sourceArn: `arn:aws:secretsmanager:${settings.region}:${settings.accountId}:secret:/outpost/tenants/*`,
  });
}
