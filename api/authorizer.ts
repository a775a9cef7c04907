import { type } from 'arktype';
import { isoTime } from '../shared/clock.ts';
import { OutpostError } from '../shared/errors.ts';
import { Scope } from '../shared/model/api-key.ts';
import { Plan, TenantStatus } from '../shared/model/tenant.ts';
import { partitionOfStranger } from '../shared/store/audit/partitions.ts';
import { auditedAgent, auditedPath } from './audited-text.ts';
import { authenticate, type Caller } from './caller.ts';
import type { ApiDeps } from './deps.ts';

/**
 * The gateway's Lambda authorizer: the same `authenticate` as the app's own check. It answers with one policy
 * for the whole API, because the gateway caches it by key and not by route; scopes are checked in the app.
 */

/** Payload 2.0 of an HTTP API's REQUEST authorizer, as far as it is used. Source: AWS, API Gateway guide. */
const RequestEvent = type({
  version: "'2.0'",
  type: "'REQUEST'",
  routeArn: 'string',
  'identitySource?': 'string[] | null',
  'headers?': 'Record<string, string>',
  requestContext: {
    requestId: 'string',
    timeEpoch: 'number',
    http: { sourceIp: 'string', 'userAgent?': 'string', path: 'string' },
  },
});

/** The TOKEN shape of REST APIs. */
const TokenEvent = type({ type: "'TOKEN'", authorizationToken: 'string', methodArn: 'string' });

const AuthorizerEvent = RequestEvent.or(TokenEvent);
type AuthorizerEvent = typeof AuthorizerEvent.infer;

export type Policy = {
  readonly principalId: string;
  readonly policyDocument: {
    readonly Version: '2012-10-17';
    readonly Statement: readonly {
      readonly Action: 'execute-api:Invoke';
      readonly Effect: 'Allow' | 'Deny';
      readonly Resource: string;
    }[];
  };
  /** Flat, as the gateway demands: strings, numbers and booleans. */
  readonly context: Readonly<Record<string, string | number | boolean>>;
};

/**
 * Decides about one key. A refusal leaves an audit entry (the app leaves those of everything that gets past).
 * Throws Error for an event that is no authorizer's.
 */
export async function authorize(deps: ApiDeps, input: unknown): Promise<Policy> {
  const event = AuthorizerEvent(input);
  if (event instanceof type.errors) throw new Error(`not an authorizer event: ${event.summary}`);
  const arn = event.type === 'TOKEN' ? event.methodArn : event.routeArn;
  try {
    const caller = await authenticate(deps, tokenOf(event));
    return policy('Allow', arn, caller.tenantId, contextOf(caller));
  } catch (error) {
    if (!(error instanceof OutpostError) || error.errorCode !== 'unauthenticated') throw error;
    await recordRefusal(deps, event);
    return policy('Deny', arn, 'anonymous', {});
  }
}

function tokenOf(event: AuthorizerEvent): string | null {
  if (event.type === 'TOKEN') return event.authorizationToken;
  const headers = Object.entries(event.headers ?? {});
  const header = headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  return header ?? event.identitySource?.[0] ?? null;
}

/** `arn:aws:execute-api:region:account:api/stage/...` -> every method and path of that stage. */
function apiWide(arn: string): string {
  const [api = '', stage = ''] = arn.split('/');
  return `${api}/${stage}/*/*`;
}

const policy = (
  effect: 'Allow' | 'Deny',
  arn: string,
  principalId: string,
  context: Policy['context'],
): Policy => ({
  principalId,
  policyDocument: {
    Version: '2012-10-17',
    Statement: [{ Action: 'execute-api:Invoke', Effect: effect, Resource: apiWide(arn) }],
  },
  context,
});

const contextOf = (caller: Caller): Policy['context'] => ({
  tenant_id: caller.tenantId,
  key_id: caller.keyId,
  caller: JSON.stringify(caller),
});

const limit = 'number | null';
const CallerText = type('string.json.parse').to({
  tenantId: 'string',
  keyId: 'string',
  keyHash: 'string',
  mode: "'live' | 'test'",
  scopes: Scope.array(),
  plan: Plan,
  limits: { requests_per_minute: 'number', concurrent_jobs: limit, jobs_per_period: limit },
  keyRequestsPerMinute: limit,
  tenantStatus: TenantStatus,
  billingAnchor: 'number',
  expiresAt: 'string | null',
});

/**
 * The caller that the authorizer vouched for, from `requestContext.authorizer.lambda` of the gateway's event;
 * never from a header. Undefined when there is none: then the app authenticates by itself.
 */
export function callerOfContext(context: unknown): Caller | undefined {
  if (typeof context !== 'object' || context === null || !('caller' in context)) return undefined;
  const caller = CallerText(context.caller);
  return caller instanceof type.errors ? undefined : caller;
}

/**
 * The gateway's access log may name a call's time in whole seconds, and the entry's key contains it: what the
 * authorizer and the log say of one call must be one entry.
 */
export const wholeSecond = (milliseconds: number): string => isoTime(Math.floor(milliseconds / 1000) * 1000);

async function recordRefusal(deps: ApiDeps, event: AuthorizerEvent): Promise<void> {
  // A TOKEN event has neither id nor time: its gateway's access log is all there is.
  if (event.type === 'TOKEN') return;
  const { requestId, timeEpoch, http } = event.requestContext;
  const timestamp = wholeSecond(timeEpoch);
  await deps.trail.record(
    {
      tenant_id: partitionOfStranger(timestamp, requestId),
      timestamp,
      action: 'gateway.refused',
      resource: auditedPath(http.path),
      metadata: {},
      request_id: requestId,
      actor: 'authorizer',
      source_ip: http.sourceIp,
      user_agent: auditedAgent(http.userAgent ?? null),
      outcome: 'denied',
      status: 403,
    },
    'observed',
  );
}
