// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { Apigatewayv2Api } from '@cdktf/provider-aws/lib/apigatewayv2-api';
import { Apigatewayv2ApiMapping } from '@cdktf/provider-aws/lib/apigatewayv2-api-mapping';
import { Apigatewayv2Authorizer } from '@cdktf/provider-aws/lib/apigatewayv2-authorizer';
import { Apigatewayv2DomainName } from '@cdktf/provider-aws/lib/apigatewayv2-domain-name';
import { Apigatewayv2Integration } from '@cdktf/provider-aws/lib/apigatewayv2-integration';
import { Apigatewayv2Route } from '@cdktf/provider-aws/lib/apigatewayv2-route';
import { Apigatewayv2Stage } from '@cdktf/provider-aws/lib/apigatewayv2-stage';
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import type { LambdaFunction } from '@cdktf/provider-aws/lib/lambda-function';
import { LambdaPermission } from '@cdktf/provider-aws/lib/lambda-permission';
import { TerraformOutput } from 'cdktf';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import type { Settings } from '../settings.ts';

/** Row A2: how long the gateway may believe an authorizer's answer. AWS allows 3,600 at most. */
const AUTHORIZER_TTL_SECONDS = 300;
/** The gateway gives up after 30 s; the function must have answered before. */
const INTEGRATION_TIMEOUT_MS = 30_000;
const PREFLIGHT_SECONDS = 600;

/**
 * What the access log says of each call: never a header or a query string. The first seven names are those that
 * the access-log function reads (api/operations/ingest-access-log.ts; a test holds the two together).
 */
const ACCESS_LOG = {
  request_id: '$context.requestId',
  time_epoch: '$context.requestTimeEpoch',
  source_ip: '$context.identity.sourceIp',
  user_agent: '$context.identity.userAgent',
  path: '$context.path',
  status: '$context.status',
  integration_status: '$context.integrationStatus',
  method: '$context.httpMethod',
  route: '$context.routeKey',
  response_bytes: '$context.responseLength',
  response_ms: '$context.responseLatency',
  integration_ms: '$context.integrationLatency',
  integration_error: '$context.integrationErrorMessage',
  authorizer_status: '$context.authorizer.status',
  authorizer_ms: '$context.authorizer.latency',
  authorizer_error: '$context.authorizer.error',
  tenant_id: '$context.authorizer.tenant_id',
  error: '$context.error.message',
};

type Functions = { readonly api: LambdaFunction; readonly authorizer: LambdaFunction };

/** The HTTP API: every route of the document, behind the authorizer unless it is public. */
export function gateway(
  scope: Construct,
  deployment: Deployment,
  functions: Functions,
): { readonly url: string; readonly logs: CloudwatchLogGroup } {
  const { names, routes, settings } = deployment;
  const api = new Apigatewayv2Api(scope, 'http-api', {
    name: names.own('http'),
    protocolType: 'HTTP',
    ...corsOf(settings),
    // With a domain of its own the generated one would be a way round it.
    disableExecuteApiEndpoint: settings.domain !== null,
  });
  const integration = new Apigatewayv2Integration(scope, 'integration', {
    apiId: api.id,
    integrationType: 'AWS_PROXY',
    integrationUri: functions.api.invokeArn,
    payloadFormatVersion: '2.0',
    timeoutMilliseconds: INTEGRATION_TIMEOUT_MS,
  });
  const authorizer = new Apigatewayv2Authorizer(scope, 'authorizer-rule', {
    apiId: api.id,
    name: names.own('authorizer'),
    authorizerType: 'REQUEST',
    authorizerUri: functions.authorizer.invokeArn,
    authorizerPayloadFormatVersion: '2.0',
    enableSimpleResponses: false,
    identitySources: ['$request.header.Authorization'],
    authorizerResultTtlInSeconds: AUTHORIZER_TTL_SECONDS,
  });
  for (const route of routes) {
    const key = `${route.method} ${route.path}`;
    new Apigatewayv2Route(scope, `route-${routeId(key)}`, {
      apiId: api.id,
      routeKey: key,
      target: `integrations/${integration.id}`,
      ...(route.public
        ? { authorizationType: 'NONE' }
        : { authorizationType: 'CUSTOM', authorizerId: authorizer.id }),
    });
  }
  const logs = new CloudwatchLogGroup(scope, 'access-logs', {
    name: `/aws/apigateway/${names.own('http')}`,
    retentionInDays: settings.logRetentionDays,
  });
  const stage = new Apigatewayv2Stage(scope, 'stage', {
    apiId: api.id,
    name: '$default',
    autoDeploy: true,
    accessLogSettings: { destinationArn: logs.arn, format: JSON.stringify(ACCESS_LOG) },
    defaultRouteSettings: {
      throttlingRateLimit: settings.throttle.rate,
      throttlingBurstLimit: settings.throttle.burst,
      // Six metrics a route, each paid for: the access log has the same figures.
      detailedMetricsEnabled: false,
    },
  });
  invokePermission(scope, 'gateway-api', functions.api, `${api.executionArn}/*/*`);
  invokePermission(
    scope,
    'gateway-authorizer',
    functions.authorizer,
    `${api.executionArn}/authorizers/${authorizer.id}`,
  );
  const domain = ownDomain(scope, settings, api, stage);
  return { url: domain ?? api.apiEndpoint, logs };
}

function corsOf({ consoleOrigin }: Settings) {
  if (consoleOrigin === null) return {};
  return {
    corsConfiguration: {
      allowOrigins: [consoleOrigin],
      allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowHeaders: ['authorization', 'content-type', 'idempotency-key', 'last-event-id', 'range'],
      exposeHeaders: ['x-request-id', 'retry-after', 'ratelimit', 'ratelimit-policy', 'location'],
      maxAge: PREFLIGHT_SECONDS,
    },
  };
}

/** A route's key as part of a resource's name: `GET /jobs/{job_id}` is `get-jobs-job_id`. */
const routeId = (key: string): string =>
  key
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '-')
    .replace(/-$/, '');

function invokePermission(scope: Construct, id: string, target: LambdaFunction, sourceArn: string): void {
  new LambdaPermission(scope, `${id}-permission`, {
    functionName: target.functionName,
    action: 'lambda:InvokeFunction',
    principal: 'apigateway.amazonaws.com',
    sourceArn,
  });
}

/** Maps the operator's domain to the API; the record that points at its target is the operator's to make. */
function ownDomain(
  scope: Construct,
  { domain }: Settings,
  api: Apigatewayv2Api,
  stage: Apigatewayv2Stage,
): string | undefined {
  if (domain === null) return undefined;
  const name = new Apigatewayv2DomainName(scope, 'domain', {
    domainName: domain.name,
    domainNameConfiguration: {
      certificateArn: domain.certificateArn,
      endpointType: 'REGIONAL',
      securityPolicy: 'TLS_1_2',
    },
  });
  new Apigatewayv2ApiMapping(scope, 'domain-mapping', {
    apiId: api.id,
    domainName: name.id,
    stage: stage.id,
  });
  new TerraformOutput(scope, 'domain_target', {
    value: name.domainNameConfiguration.targetDomainName,
  });
  return `https://${domain.name}`;
}
