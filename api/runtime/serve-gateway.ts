import type { App } from '../app.ts';
import { callerOfContext } from '../authorizer.ts';
import { toAnswer, toStream } from './gateway-answer.ts';
import { GatewayEvent, toRequest } from './gateway-event.ts';
import type { Context, Handler } from './loop.ts';

/** Told of each answered request; what it promises goes on after the answer. */
export type AfterAnswer = (request: Request, response: Response) => Promise<void>;

/**
 * Serves the API to a gateway's events: whole answers to an HTTP API, streams to a function URL. Whom the HTTP
 * API's authorizer vouches for is believed; a function URL has none, so there the app looks itself.
 */
export function serveGateway(
  app: App,
  options: { readonly streaming: boolean; readonly afterAnswer: AfterAnswer },
): Handler {
  return async (input: unknown, context: Context) => {
    const event = GatewayEvent.assert(input);
    const { requestContext } = event;
    const request = toRequest(event, context.signal);
    const { authorizer } = requestContext;
    const vouched =
      !options.streaming && authorizer && 'lambda' in authorizer
        ? callerOfContext(authorizer.lambda)
        : undefined;
    const response = await app(request, {
      sourceIp: requestContext.http.sourceIp,
      requestId: requestContext.requestId,
      caller: vouched,
    });
    context.waitUntil(options.afterAnswer(request, response));
    return options.streaming ? toStream(response) : toAnswer(response);
  };
}
