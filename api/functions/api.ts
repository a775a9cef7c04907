import { createApp } from '../app.ts';
import { type ApiDeps, createApiDeps, readApiEnv } from '../deps.ts';
import { createWorkerService } from '../runtime/ecs.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';
import { serveGateway } from '../runtime/serve-gateway.ts';
import { createWaker } from './wake-workers.ts';

/** The API behind an HTTP API, or, where answers may stay open, behind a function URL. */
export const apiFunction = (streaming: boolean): LambdaFunction => ({
  async start(env, write) {
    const apiEnv = readApiEnv(env);
    const deps: ApiDeps = await createApiDeps(apiEnv, { write, streaming, billing: true });
    // On one machine `bun start` runs the workers.
    const wake =
      apiEnv.AWS_ENDPOINT_URL === undefined
        ? createWaker(deps, createWorkerService(env, apiEnv.OUTPOST_ENV))
        : () => undefined;
    return serveGateway(createApp(deps), {
      streaming,
      // Lambda freezes a process between two requests, and a write under way with it.
      afterAnswer: async (request, response) => {
        await Promise.all([deps.keyUse.settled(), isAccepted(request, response) ? wake() : undefined]);
      },
    });
  },
});

const isAccepted = (request: Request, response: Response): boolean =>
  request.method === 'POST' && response.status === 202 && new URL(request.url).pathname === '/jobs';

export const lambda = apiFunction(false);
