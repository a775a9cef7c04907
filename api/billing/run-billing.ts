import { describeError } from '../../shared/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { holdDrafts, passInvoices } from './gate.ts';
import { raiseAlerts, type SendAlert } from './raise-alerts.ts';
import { reportUsage } from './report-usage.ts';
import { syncDue } from './sync-due.ts';

/** Quota alerts go to the topic, where there is one, and to the log. */
const handOver =
  (deps: ApiDeps): SendAlert =>
  async (alert) => {
    await deps.alertTopic?.(alert);
    const { tenantId, period, threshold } = alert;
    deps.log.warn('quota.alert', { tenant_id: tenantId, period, threshold });
  };

/**
 * One run of everything that billing does by the clock: alerts (with and without Stripe), tenants that are due,
 * usage, drafts to hold, the gate. A step that fails is logged and the others go on.
 */
export async function runBilling(deps: ApiDeps): Promise<void> {
  await step(deps, 'alerts', () => raiseAlerts(deps, handOver(deps)));
  const { billing } = deps;
  if (billing === undefined) return;
  await step(deps, 'sync', async () => ({ synced: await syncDue(deps, billing) }));
  await step(deps, 'usage', () => reportUsage(deps, billing));
  await step(deps, 'drafts', () => holdDrafts(deps, billing));
  await step(deps, 'gate', () => passInvoices(deps, billing));
}

async function step(deps: ApiDeps, name: string, run: () => Promise<Record<string, number>>): Promise<void> {
  try {
    const counts = await run();
    if (Object.values(counts).some((count) => count > 0)) deps.log.info(`billing.${name}`, counts);
  } catch (error) {
    deps.log.error(`billing.${name}_failed`, describeError(error));
  }
}
