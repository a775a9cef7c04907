import type { Type } from 'arktype';
import type { ErrorCode } from '../../shared/errors.ts';
import type { Scope } from '../../shared/model/api-key.ts';
import type { ApiDeps } from '../deps.ts';
import type { Caller } from '../caller.ts';
import type { Change } from '../change.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a handler answers with: JSON of a status, or a whole Response (streams, redirects, other types). */
export type Reply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | Response;

type Parsed<S> = S extends Type ? S['infer'] : undefined;

/** What a handler works with: everything parsed, the caller authenticated. */
export type Call<P, Q, B> = {
  readonly deps: ApiDeps;
  readonly params: Parsed<P>;
  readonly query: Parsed<Q>;
  readonly body: Parsed<B>;
  readonly headers: Headers;
  /** The body as it came; empty where a method has none. */
  readonly rawBody: Uint8Array;
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** Who asks. On a public route nobody does. */
  readonly caller: Caller;
  /** What every change of state must leave behind; only a mutation may use it. */
  readonly change: Change;
};

type Answer = {
  readonly description: string;
  readonly schema?: Type;
  /** Anything but application/json. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * One route. The table of these is the source of the running app, the OpenAPI document, the gateway's routes
 * and the security suite.
 */
export type RouteSpec<P, Q, B> = {
  readonly method: Method;
  /** With `:name` parameters, as Elysia writes them. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** `public`, or the scope that the key must have. */
  readonly access: 'public' | Scope;
  /** Refuse op_test_ keys: what spends money or hands out authority. */
  readonly live?: true;
  /** Concerns nobody's data, so it leaves no audit entry: health and documentation. */
  readonly unaudited?: true;
  /** The name of this call in the audit log. */
  readonly action: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** What the body is, where the handler takes it as it came; `example` is one. */
  readonly rawBody?: string;
  /** Request headers that it reads, for the document. */
  readonly requestHeaders?: Readonly<Record<string, string>>;
  /** Changes state: takes Idempotency-Key, and is audited within its transaction. */
  readonly mutation?: true;
  /**
   * A mutation whose one transaction finds an earlier answer to its Idempotency-Key by itself, and which does
   * nothing before it: the read that others begin with is left out.
   */
  readonly replaysFromCommit?: true;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Errors beyond those that every route may answer with. */
  readonly errors?: readonly ErrorCode[];
  readonly example?: unknown;
  handle(call: Call<P, Q, B>): Promise<Reply>;
};

/** A route with its types erased, as the table holds it. */
export type Route = Omit<RouteSpec<Type, Type, Type>, 'handle' | 'params' | 'query' | 'body'> & {
  readonly params?: Type;
  readonly query?: Type;
  readonly body?: Type;
  readonly handle: (call: Call<never, never, never>) => Promise<Reply>;
};

/** Declares a route; the handler's input has the types of its schemas. */
export function route<
  P extends Type | undefined = undefined,
  Q extends Type | undefined = undefined,
  B extends Type | undefined = undefined,
>(spec: RouteSpec<P, Q, B>): Route {
  return spec as Route;
}
