import { createApiDeps, readApiEnv } from '../deps.ts';
import { rotateSecretStep } from '../operations/rotate-secret-step.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/** One of the four steps in which Secrets Manager rotates a tenant's provider key. */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false });
    return async (event) => {
      await rotateSecretStep(deps, event);
      return {};
    };
  },
};
