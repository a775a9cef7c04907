import { tenantsInFlight } from '../../shared/store/jobs/tenants-in-flight.ts';
import { createApiDeps, readApiEnv } from '../deps.ts';
import { putMetric } from '../metric.ts';
import { sweep } from '../operations/sweep.ts';
import { createWorkerService } from '../runtime/ecs.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';
import { wakeWorkers } from './wake-workers.ts';

/** Sends forgotten work again, sees to it that somebody is there to do it, and counts the tenants that wait. */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const apiEnv = readApiEnv(env);
    const deps = await createApiDeps(apiEnv, { write, streaming: false });
    const workers = createWorkerService(env, apiEnv.OUTPOST_ENV);
    return async () => {
      const { due, sent, promoted } = await sweep(deps);
      const woken = apiEnv.AWS_ENDPOINT_URL === undefined ? await wakeWorkers(deps, workers) : undefined;
      const value = await tenantsInFlight(deps.store);
      putMetric(deps, 'tenants.in_flight', { name: 'TenantsInFlight', unit: 'Count', value });
      const done = { due, sent, promoted, woken: woken ?? 0 };
      deps.log.info('sweep', done);
      return done;
    };
  },
};
