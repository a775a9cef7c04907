import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { LambdaFunction } from '@cdktf/provider-aws/lib/lambda-function';
import type { LambdaLayerVersion } from '@cdktf/provider-aws/lib/lambda-layer-version';
import { S3Object } from '@cdktf/provider-aws/lib/s3-object';
import { AssetType, TerraformAsset } from 'cdktf';
import type { Construct } from 'constructs';
import type { Artifact } from '../artifacts.ts';
import type { Deployment } from '../deployment.ts';
import { type FunctionName, FUNCTIONS, type FunctionSpec } from '../functions.ts';
import { link } from './link.ts';
import { role } from './role.ts';

/** A file of dist/ in the bucket of artifacts, under the hash of its content: what is there never changes. */
export function uploaded(scope: Construct, id: string, deployment: Deployment, artifact: Artifact): S3Object {
  const asset = new TerraformAsset(scope, `${id}-file`, { path: artifact.path, type: AssetType.FILE });
  return new S3Object(scope, `${id}-object`, {
    bucket: deployment.names.bucket('artifacts'),
    key: `${id}/${artifact.sha256}.zip`,
    source: asset.path,
    sourceHash: artifact.sha256,
    kmsKeyId: deployment.keyArn,
    serverSideEncryption: 'aws:kms',
  });
}

/**
 * A function on the Bun layer, with its log group (which it cannot make itself, so that retention is always
 * set), its role, its environment and X-Ray.
 */
export function bunFunction(
  scope: Construct,
  deployment: Deployment,
  name: FunctionName,
  layer: LambdaLayerVersion,
): LambdaFunction {
  const spec: FunctionSpec = FUNCTIONS[name];
  const { names, settings, artifacts } = deployment;
  const functionName = names.own(name);
  const logs = new CloudwatchLogGroup(scope, `${name}-logs`, {
    name: `/aws/lambda/${functionName}`,
    retentionInDays: settings.logRetentionDays,
  });
  const { env, statements } = link(deployment, spec.needs);
  const ownRole = role(scope, name, {
    name: functionName,
    service: 'lambda.amazonaws.com',
    statements: [
      ...statements,
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: [`arn:aws:logs:${settings.region}:${settings.accountId}:log-group:${logs.name}:*`],
      },
      {
        Effect: 'Allow',
        Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
        Resource: ['*'],
      },
    ],
  });
  const zip = artifacts.functions[name];
  if (zip === undefined) throw new Error(`there is no build of the function ${name}`);
  const code = uploaded(scope, name, deployment, zip);
  return new LambdaFunction(scope, name, {
    functionName,
    description: spec.about,
    role: ownRole.arn,
    runtime: 'provided.al2023',
    architectures: [settings.architecture === 'arm64' ? 'arm64' : 'x86_64'],
    handler: name,
    layers: [layer.arn],
    s3Bucket: code.bucket,
    s3Key: code.key,
    memorySize: spec.memory,
    timeout: spec.timeoutSeconds,
    ...(spec.concurrency === undefined ? {} : { reservedConcurrentExecutions: spec.concurrency }),
    environment: { variables: { ...env } },
    tracingConfig: { mode: 'Active' },
    loggingConfig: { logFormat: 'Text', logGroup: logs.name },
    dependsOn: [logs],
  });
}
