import { reconcile } from '../billing/reconcile.ts';
import { runBilling } from '../billing/run-billing.ts';
import { createApiDeps, readApiEnv } from '../deps.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/** The hour (UTC) in whose first minutes the day's reconciliation runs. */
const RECONCILED_AT_HOUR = 3;
const SCHEDULE_MINUTES = 5;

/** Everything that billing does by the clock, each five minutes; the reconciliation once a day. */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false, billing: true });
    return async () => {
      await runBilling(deps);
      const { billing } = deps;
      const now = new Date(deps.clock.now());
      const due = now.getUTCHours() === RECONCILED_AT_HOUR && now.getUTCMinutes() < SCHEDULE_MINUTES;
      if (billing === undefined || !due) return {};
      const { tenants, invoices, differences } = await reconcile(deps, billing);
      return { tenants, invoices, differences: differences.length };
    };
  },
};
