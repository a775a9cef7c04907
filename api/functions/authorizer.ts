import { authorize } from '../authorizer.ts';
import { createApiDeps, readApiEnv } from '../deps.ts';
import { putMetric } from '../metric.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/**
 * The gateway's authorizer: who asks, as a policy for the whole API. It reports how long its caller waited: the
 * first of a process also for the start, which Lambda's own metric of duration leaves out (row A2).
 */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false });
    let startMs = performance.now();
    return async (event) => {
      const began = performance.now();
      try {
        return await authorize(deps, event);
      } finally {
        const value = Math.round(startMs + performance.now() - began);
        startMs = 0;
        putMetric(deps, 'authorizer.time', { name: 'AuthorizerTime', unit: 'Milliseconds', value });
      }
    };
  },
};
