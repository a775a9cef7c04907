import { isoTime } from '../../shared/clock.ts';
import { describeError, invalidField, notFound, OutpostError } from '../../shared/errors.ts';
import { sha256 } from '../../shared/hash.ts';
import { newUlid } from '../../shared/ids.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { partitionOfStranger } from '../../shared/store/audit/partitions.ts';
import type { ApiDeps } from '../deps.ts';
import { auditedAgent, auditedPath } from '../audited-text.ts';
import { authenticate, type Caller, isAdmin, requireScope, stillInForce } from '../caller.ts';
import { type Change, createChange } from '../change.ts';
import { earlierAnswer, type IdempotentRequest, keepAnswer, Replay } from '../idempotency.ts';
import { originOf } from './origin.ts';
import type { RateState } from '../rate-limiter.ts';
import { asOutpostError, problemResponse, setRateHeaders, STATUS_OF } from './problem.ts';
import { parse, parseBody, parseQuery, readBody } from './read-request.ts';
import type { Call, Reply, Route } from './route.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Serves one request to one route: authenticates, checks the scope, parses, runs the handler, and turns
 * whatever happens into an answer with a request id, one audit entry and one log line.
 */
export async function serveRoute(
  deps: ApiDeps,
  route: Route,
  request: Request,
  params: Readonly<Record<string, string>>,
): Promise<Response> {
  const started = deps.clock.monotonic();
  const origin = originOf(request);
  const now = deps.clock.now();
  const requestId = origin.requestId ?? newUlid(now);
  const visit: Visit = {
    deps,
    route,
    request,
    params,
    requestId,
    entry: firstEntry(request, route, requestId, now),
  };

  const { response, error } = await answer(visit);
  const final = await settleAudit(visit, response);

  final.headers.set('x-request-id', requestId);
  if (visit.rate !== undefined) setRateHeaders(final.headers, visit.rate);
  final.headers.set('x-content-type-options', 'nosniff');
  if (!final.headers.has('cache-control')) final.headers.set('cache-control', 'no-store');
  deps.log.info('request', {
    request_id: requestId,
    method: route.method,
    route: route.path,
    status: final.status,
    tenant_id: visit.caller?.tenantId,
    key_id: visit.caller?.keyId,
    ms: Math.round((deps.clock.monotonic() - started) * 10) / 10,
    ...(error === undefined ? {} : { code: error.errorCode }),
  });
  return final;
}

/** One request on its way through. Who asks, and what was recorded of it, become known as it goes. */
type Visit = {
  readonly deps: ApiDeps;
  readonly route: Route;
  readonly request: Request;
  readonly params: Readonly<Record<string, string>>;
  readonly requestId: string;
  entry: AuditEntry;
  caller?: Caller;
  /** The entry that was sent when the work began, with the status that was expected. */
  expected?: { readonly status: number; readonly sent: Promise<void> };
  rate?: RateState;
  /** Set for a change with an Idempotency-Key. */
  idempotent?: IdempotentRequest;
  /** The change's own transaction has written the entry. */
  committed?: true;
};

/** What a call is about: the path up to its last id, so that all calls about one job name the same resource. */
function resourceOf(route: Route, pathname: string): string {
  const segments = pathname.split('/');
  const template = route.path.split('/');
  const last = template.findLastIndex((segment) => segment.startsWith(':'));
  const kept = last === -1 ? segments : segments.slice(0, last + 1);
  return auditedPath(kept.join('/'));
}

function firstEntry(request: Request, route: Route, requestId: string, now: number): AuditEntry {
  const timestamp = isoTime(now);
  const { sourceIp } = originOf(request);
  return {
    tenant_id: partitionOfStranger(timestamp, requestId),
    timestamp,
    action: route.action,
    resource: resourceOf(route, new URL(request.url).pathname),
    metadata: {},
    request_id: requestId,
    actor: 'anonymous',
    source_ip: sourceIp,
    user_agent: auditedAgent(request.headers.get('user-agent')),
    outcome: 'denied',
    status: null,
  };
}

async function answer(visit: Visit): Promise<{ response: Response; error?: OutpostError }> {
  try {
    return { response: toResponse(await handle(visit, await admit(visit))) };
  } catch (thrown) {
    if (thrown instanceof Replay) {
      const replayed = toResponse({ ...thrown.answer, headers: { 'idempotency-replayed': 'true' } });
      return { response: replayed };
    }
    const error = asOutpostError(thrown);
    if (STATUS_OF[error.errorCode] >= 500) {
      visit.deps.log.error('request.failed', { request_id: visit.requestId, ...describeError(thrown) });
    }
    return { response: problemResponse(error, visit.requestId), error };
  }
}

/**
 * Runs the handler. A request that found everything done already, because the same request was sent at the same
 * time, answers what that one did; where nothing was left to do, its answer is kept for repetitions all the same.
 */
async function handle(visit: Visit, call: Call<never, never, never>): Promise<Reply> {
  const earlier = () =>
    visit.idempotent === undefined || visit.committed === true
      ? undefined
      : earlierAnswer(visit.deps.store, visit.idempotent);
  let reply: Reply;
  try {
    reply = await visit.route.handle(call);
  } catch (error) {
    throw (error instanceof OutpostError ? await earlier() : undefined) ?? error;
  }
  const replay = (await earlier()) ?? (await keepUncommitted(visit, reply));
  if (replay !== undefined) throw replay;
  return reply;
}

async function keepUncommitted(visit: Visit, reply: Reply): Promise<Replay | undefined> {
  if (visit.idempotent === undefined || visit.committed === true || reply instanceof Response)
    return undefined;
  return keepAnswer(visit.deps.store, visit.idempotent, { status: reply.status, body: reply.body });
}

/** Everything before the handler. The order is the contract: who, may they, is it well formed, was it done. */
async function admit(visit: Visit): Promise<Call<never, never, never>> {
  const { deps, route, request } = visit;
  if (route.access !== 'public') await identify(visit, route.access);
  const url = new URL(request.url);
  const params = route.params && parse(route.params, visit.params, 'path');
  const query = parseQueryOf(route, url.searchParams);
  const bytes = route.method === 'GET' || route.method === 'DELETE' ? undefined : await readBody(request);
  const body =
    route.body && parseBody(route.body, request.headers.get('content-type'), bytes ?? new Uint8Array());
  const change = await changeOf(visit, url, bytes);
  if (route.mutation === undefined && visit.caller !== undefined) expectSuccess(visit);
  return {
    deps,
    params,
    query,
    body,
    headers: request.headers,
    rawBody: bytes ?? new Uint8Array(),
    signal: request.signal,
    requestId: visit.requestId,
    // On a public route there is no caller and nothing to change; its handler takes neither.
    caller: visit.caller,
    change,
  } as Call<never, never, never>;
}

async function identify(visit: Visit, scope: Exclude<Route['access'], 'public'>): Promise<void> {
  const { deps, route, request, params } = visit;
  const vouched = originOf(request).caller;
  const caller =
    vouched === undefined
      ? await authenticate(deps, request.headers.get('authorization'), deps.rateLimiter.prepare)
      : stillInForce(vouched, isoTime(deps.clock.now()));
  visit.caller = caller;
  visit.entry = { ...visit.entry, tenant_id: caller.tenantId, actor: `key:${caller.keyId}` };
  deps.keyUse.note(caller.keyId);
  visit.rate = await deps.rateLimiter.take(caller.keyHash, caller.limits.requests_per_minute);
  requireScope(caller, scope);
  if (route.live === true && caller.mode === 'test') {
    throw new OutpostError('forbidden', 'A test key may not do that. Use an op_live_ key.');
  }
  const tenantInPath = params['tenant_id'];
  if (tenantInPath !== undefined && tenantInPath !== caller.tenantId && !isAdmin(caller))
    throw notFound('tenant');
}

function parseQueryOf(route: Route, query: URLSearchParams): unknown {
  if (route.query !== undefined) return parseQuery(route.query, query);
  if (route.access === 'public') return undefined;
  const [unknown] = query.keys();
  if (unknown !== undefined) throw invalidField(unknown.slice(0, 64), 'is not a known query parameter.');
  return undefined;
}

async function changeOf(visit: Visit, url: URL, bytes: Uint8Array | undefined): Promise<Change | undefined> {
  const { deps, route, request, caller } = visit;
  if (route.mutation !== true || caller === undefined) return undefined;
  const idempotencyKey = request.headers.get('idempotency-key') ?? undefined;
  if (idempotencyKey !== undefined && !IDEMPOTENCY_KEY.test(idempotencyKey)) {
    throw invalidField('Idempotency-Key', 'must be 1 to 255 printable ASCII characters without spaces.');
  }
  const idempotent: IdempotentRequest | undefined =
    idempotencyKey === undefined
      ? undefined
      : {
          tenantId: caller.tenantId,
          key: idempotencyKey,
          requestHash: sha256(`${route.method} ${url.pathname}\n${new TextDecoder().decode(bytes)}`),
          requestId: visit.requestId,
        };
  if (idempotent !== undefined) {
    const replay = route.replaysFromCommit === true ? undefined : await earlierAnswer(deps.store, idempotent);
    if (replay !== undefined) throw replay;
    visit.idempotent = idempotent;
  }
  const change = createChange(deps.store, {
    caller,
    entry: visit.entry,
    ...(idempotent === undefined ? {} : { idempotent }),
  });
  return {
    ...change,
    async attempt(run) {
      const written = await change.attempt(run);
      if (written) visit.committed = true;
      return written;
    },
    async commit(writes, answered, options) {
      await change.commit(writes, answered, options);
      visit.committed = true;
    },
  };
}

/** Sends the audit entry of a read beside the work, with the status that it will most likely have. */
function expectSuccess(visit: Visit): void {
  const status = Math.min(...Object.keys(visit.route.answers).map(Number));
  const sent = visit.deps.trail.record({ ...visit.entry, outcome: 'allowed', status }, 'expected');
  // Awaited in settleAudit; a rejection before that must not count as unhandled.
  sent.catch(() => undefined);
  visit.expected = { status, sent };
}

/** Sees to it that the call has its entry before it has its answer: without one the answer is a 503. */
async function settleAudit(visit: Visit, response: Response): Promise<Response> {
  if (visit.committed === true || visit.route.unaudited === true) return response;
  try {
    await visit.expected?.sent;
    if (visit.expected?.status !== response.status) {
      await visit.deps.trail.record(
        { ...visit.entry, outcome: outcomeOf(response.status), status: response.status },
        'observed',
      );
    }
    return response;
  } catch {
    // The trail has logged it, with the entry.
    await response.body?.cancel();
    const error = new OutpostError('unavailable', 'The call could not be recorded. Try again.', {
      retryAfterSeconds: 1,
    });
    return problemResponse(error, visit.requestId);
  }
}

function outcomeOf(status: number): AuditEntry['outcome'] {
  if (status >= 500) return 'failed';
  return status >= 400 ? 'denied' : 'allowed';
}

function toResponse(reply: Reply): Response {
  if (reply instanceof Response) return reply;
  const headers = new Headers(reply.headers);
  if (reply.body === undefined) return new Response(null, { status: reply.status, headers });
  headers.set('content-type', 'application/json');
  return new Response(JSON.stringify(reply.body), { status: reply.status, headers });
}
