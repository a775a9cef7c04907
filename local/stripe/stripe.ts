import { checkParameters } from './check-parameters.ts';
import { API_VERSION, type Context } from './context.ts';
import { errorResponse, StripeError } from './errors.ts';
import { type Form, parseForm, parseJson } from './form.ts';
import type { Lanes } from './meters.ts';
import { ROUTES, routeOf, shown } from './routes.ts';
import { openState, type State } from './state.ts';
import { advance, completeCheckout, updateSubscription } from './subscriptions.ts';

/**
 * What is to go wrong with a call. `refuse` answers 500 and does nothing; `drop` does it and loses the answer;
 * `fail` does it and answers 500; `hang` never answers.
 */
export type Fault = 'refuse' | 'drop' | 'fail' | 'hang';

export type StripeOptions = {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** An SQLite file; in memory when absent. */
  readonly file?: string;
  readonly pagesUrl?: string;
  readonly pays?: (customer: string) => boolean;
  /** After so many seconds the meter's summaries show what was taken; at once when absent. */
  readonly countedAfter?: number;
  /** Asked before each call; the call waits for it. */
  readonly faultOf?: (route: string) => Fault | undefined | Promise<undefined>;
};

/** A stateful stand-in for Stripe: the part of its API that Outpost uses, as one function. */
export type StripeStandIn = {
  readonly state: State;
  readonly handle: (request: Request) => Promise<Response>;
  /** Lets the time that has passed take effect. */
  advance(): void;
  /** The customer pays on the hosted page. */
  completeCheckout(sessionId: string): void;
  /** The customer cancels on the portal's page. */
  scheduleCancellation(customerId: string): void;
};

const IDEMPOTENCY_SECONDS = 86_400;

export function createStripe(options: StripeOptions): StripeStandIn {
  const state = openState(options.file);
  const context: Context = {
    state,
    now: () => Math.floor(options.now() / 1000),
    pays: options.pays ?? (() => true),
    countedAfter: options.countedAfter ?? 0,
    pagesUrl: options.pagesUrl ?? 'https://stripe.example',
  };
  const lanes: Lanes = new Set();

  const handle = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const text = request.method === 'POST' ? await request.text() : search.slice(1);
    const { route, id } = routeOf(request.method, pathname);
    const fault = await options.faultOf?.(route);
    if (fault === 'refuse') return serverError(state);
    const response = await answer(request, { context, lanes, route, id, text });
    if (fault === 'fail') return serverError(state);
    if (fault === 'drop') throw new TypeError('the connection was closed');
    if (fault === 'hang') return untilAborted(request.signal);
    return response;
  };
  return {
    state,
    handle,
    advance: () => advance(context),
    completeCheckout: (sessionId) => void completeCheckout(context, sessionId),
    scheduleCancellation: (customerId) => {
      for (const subscription of state.subscriptions.of(customerId)) {
        if (subscription.status === 'canceled') continue;
        updateSubscription(context, subscription, { cancel_at_period_end: 'true' });
      }
    },
  };
}

/** Until the caller has had enough: then its own call fails, as a fetch does. */
function untilAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new DOMException('The call was aborted.', 'AbortError'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  return promise;
}

type Arrived = {
  readonly context: Context;
  readonly lanes: Lanes;
  readonly route: string;
  readonly id: string;
  readonly text: string;
};

async function answer(request: Request, arrived: Arrived): Promise<Response> {
  const { state, now } = arrived.context;
  const requestId = state.id('req');
  try {
    checkHeaders(request.headers);
    const key = request.method === 'POST' ? request.headers.get('idempotency-key') : null;
    const signature = `${arrived.route} ${arrived.id}\n${arrived.text}`;
    const earlier = key === null ? undefined : state.replays.get(key);
    if (earlier !== undefined && now() - earlier.created < IDEMPOTENCY_SECONDS) {
      return replay(earlier, signature);
    }
    const response = await run(arrived, requestId);
    // A refusal for its rate is not kept: the same request may come again.
    if (key !== null && response.status !== 429) {
      const body = await response.clone().text();
      state.replays.put({ id: key, signature, status: response.status, body, created: now() });
    }
    return response;
  } catch (error) {
    if (!(error instanceof StripeError)) throw error;
    return errorResponse(error, requestId);
  }
}

function checkHeaders(headers: Headers): void {
  const version = headers.get('stripe-version');
  if (version !== API_VERSION) throw new StripeError(400, `Invalid Stripe API version: ${version}`);
  if (headers.get('authorization')?.startsWith('Bearer sk_') !== true) {
    throw new StripeError(401, 'Invalid API Key provided.');
  }
}

function replay(earlier: { signature: string; status: number; body: string }, signature: string): Response {
  if (earlier.signature !== signature) {
    const message =
      'Keys for idempotent requests can only be used with the same parameters they were first used with.';
    throw new StripeError(400, message, { type: 'idempotency_error' });
  }
  const headers = { 'content-type': 'application/json', 'idempotent-replayed': 'true' };
  return new Response(earlier.body, { status: earlier.status, headers });
}

async function run(arrived: Arrived, requestId: string): Promise<Response> {
  const { context, lanes, id } = arrived;
  const isJson = arrived.route.startsWith('POST /v2/');
  const form: Form = isJson ? parseJson(arrived.text) : parseForm(arrived.text);
  const handler = ROUTES[arrived.route];
  checkParameters(arrived.route, form);
  if (handler === undefined) throw new StripeError(404, `Unrecognized request URL (${arrived.route})`);
  try {
    const object = await handler({ context, lanes, id, form });
    return Response.json(shown(object), { headers: { 'request-id': requestId } });
  } catch (error) {
    // A refusal of the operation itself is kept for its Idempotency-Key, as Stripe does.
    if (!(error instanceof StripeError)) throw error;
    return errorResponse(error, requestId);
  }
}

const serverError = (state: State): Response =>
  Response.json(
    { error: { type: 'api_error', message: 'An unknown error occurred.' } },
    { status: 500, headers: { 'request-id': state.id('req') } },
  );
