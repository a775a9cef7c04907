import { Elysia } from 'elysia';
import { describeError, OutpostError } from '../shared/errors.ts';
import { newUlid } from '../shared/ids.ts';
import type { ApiDeps } from './deps.ts';
import { type Origin, setOrigin } from './http/origin.ts';
import { asOutpostError, problemResponse } from './http/problem.ts';
import { type Route, route } from './http/route.ts';
import { serveRoute } from './http/serve-route.ts';
import { ROUTES } from './routes/table.ts';

/** The API as a function from request to answer: the same on Bun, Deno and Lambda. */
export type App = (request: Request, origin: Origin) => Promise<Response>;

/**
 * Builds the app from the route table. Elysia routes; serveRoute does the rest, so that every route
 * authenticates, parses, answers errors and is audited in one and the same way.
 */
export function createApp(deps: ApiDeps): App {
  const elysia = new Elysia();
  const serve = async (each: Route, request: Request, params: Readonly<Record<string, string>>) => {
    try {
      return await serveRoute(deps, each, request, params);
    } catch (error) {
      // Elysia would answer with the error's own message.
      const requestId = newUlid();
      deps.log.error('request.crashed', { request_id: requestId, ...describeError(error) });
      return problemResponse(asOutpostError(undefined), requestId);
    }
  };
  for (const each of ROUTES) {
    // `parse: 'none'`: the body is read with a limit of our own. Destructured: Elysia compiles handlers.
    elysia.route(
      each.method,
      each.path,
      ({ request, params }) => serveRoute(deps, each, request, params ?? {}),
      {
        parse: 'none',
      },
    );
  }
  elysia.onError(({ request, code, error }) => {
    const refusal = code === 'NOT_FOUND' ? unknown(request) : error;
    return serve(refusingRoute(asOutpostError(refusal)), request, {});
  });
  return (request, origin) => {
    const routed = routable(request);
    setOrigin(routed, origin);
    return elysia.handle(routed);
  };
}

/** Elysia looks for a URL's path from this character on: `http://api/jobs` has it earlier. */
const ELYSIA_PATH_FROM = 11;

/**
 * The request under a host of our own, where the one that the client named is too short for Elysia or is none at
 * all (then the URL cannot even be parsed). No answer depends on it.
 */
function routable(request: Request): Request {
  const origin = /^\w+:\/\/[^/?#]*/.exec(request.url)?.[0] ?? '';
  if (origin.length >= ELYSIA_PATH_FROM && URL.canParse(request.url)) return request;
  return new Request(`http://outpost.invalid${request.url.slice(origin.length)}`, request);
}

function unknown(request: Request): OutpostError {
  const path = new URL(request.url).pathname;
  const methods = ROUTES.filter((each) => matches(each.path, path)).map((each) => each.method);
  return methods.length === 0
    ? new OutpostError('not_found', 'No such route. See /openapi.json.')
    : new OutpostError('method_not_allowed', `This path answers ${methods.join(', ')}.`, { allow: methods });
}

/** What answers where no route does: in the same form as everything else, audited and logged. */
const refusingRoute = (refusal: OutpostError) =>
  route({
    method: 'GET',
    path: 'unknown',
    operationId: 'unknown',
    tag: 'Service',
    summary: 'No such route',
    access: 'public',
    action: 'service.unknown_route',
    answers: {},
    handle: () => Promise.reject(refusal),
  });

const matches = (pattern: string, path: string): boolean =>
  new RegExp(`^${pattern.replaceAll(/:\w+/g, '[^/]+')}/?$`).test(path);
