import { authorize } from '../authorizer.ts';
import { createApiDeps, readApiEnv } from '../deps.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/** The gateway's authorizer: who asks, as a policy for the whole API. */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false });
    return (event) => authorize(deps, event);
  },
};
