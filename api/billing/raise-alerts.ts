import { isoTime } from '../../shared/clock.ts';
import { describeError } from '../../shared/errors.ts';
import { ALERT_THRESHOLDS, type AlertThreshold, UsageCounter } from '../../shared/model/billing.ts';
import { dueEntries, OUTBOXES, tenantOfKey } from '../../shared/store/billing/outbox.ts';
import { alertKey } from '../../shared/store/item-keys.ts';
import { fromItem, getItem, type Store } from '../../shared/store/store.ts';
import { ConditionFailed, transact } from '../../shared/store/transact.ts';
import { updateItem } from '../../shared/store/update-item.ts';
import type { ApiDeps } from '../deps.ts';

/** A tenant has used a share of its quota. */
export type QuotaAlert = {
  readonly tenantId: string;
  readonly period: string;
  readonly threshold: AlertThreshold;
};

/** Hands an alert to whoever is to know. Throws when it did not arrive: then it is handed over again. */
export type SendAlert = (alert: QuotaAlert) => Promise<void>;

type Key = { readonly pk: string; readonly sk: string };

/**
 * Row B2: an alert at 80 % and one at 100 % of a quota, each once a period. The flag on the counter and the
 * alert in the outbox are one transaction, so a counter raises none twice and loses none; delivery repeats
 * until it succeeded.
 */
export async function raiseAlerts(
  deps: ApiDeps,
  send: SendAlert,
): Promise<{ raised: number; delivered: number }> {
  let raised = 0;
  for await (const { key } of dueEntries(deps.store, OUTBOXES.quota)) raised += await lookAt(deps.store, key);
  let delivered = 0;
  for await (const { key } of dueEntries(deps.store, OUTBOXES.alert)) {
    try {
      await deliver(deps.store, key, send);
      delivered += 1;
    } catch (error) {
      deps.log.warn('billing.alert_failed', describeError(error));
    }
  }
  return { raised, delivered };
}

/** So many jobs are the threshold; a limit of 0 never raises one. */
const jobsAt = (limit: number, threshold: AlertThreshold): number => Math.ceil((limit * threshold) / 100);

async function lookAt(store: Store, key: Key): Promise<number> {
  const item = await getItem(store, 'tenants', key);
  const counter = item && fromItem(UsageCounter, item);
  if (counter?.limit === undefined) return 0;
  const { limit, used = 0, resets_at: resetsAt } = counter;
  const due = ALERT_THRESHOLDS.filter(
    (each) => limit > 0 && used >= jobsAt(limit, each) && counter[`alerted_${each}`] === undefined,
  );
  for (const threshold of due) await raise(store, key, threshold);
  const allRaised = ALERT_THRESHOLDS.every(
    (each) => due.includes(each) || counter[`alerted_${each}`] !== undefined,
  );
  const over = resetsAt !== undefined && resetsAt <= isoTime(store.clock.now());
  if (allRaised || over) {
    await updateItem(store, 'tenants', key, {
      remove: ['outbox', 'outbox_at'],
      condition: 'attribute_exists(#pk)',
    });
  }
  return due.length;
}

async function raise(store: Store, key: Key, threshold: AlertThreshold): Promise<void> {
  const at = isoTime(store.clock.now());
  const flag = `alerted_${threshold}`;
  const period = key.sk.slice('USAGE#'.length);
  const tenantId = tenantOfKey(key) ?? '';
  try {
    await transact(store, [
      {
        label: 'counter',
        table: 'tenants',
        update: key,
        change: {
          set: { [flag]: at },
          condition: `attribute_exists(#pk) AND attribute_not_exists(#${flag})`,
        },
      },
      {
        label: 'alert',
        table: 'tenants',
        put: { ...alertKey(tenantId, period, threshold), threshold, outbox: OUTBOXES.alert, outbox_at: at },
      },
    ]);
  } catch (error) {
    // Another run raised it in the same moment.
    if (!(error instanceof ConditionFailed)) throw error;
  }
}

async function deliver(store: Store, key: Key, send: SendAlert): Promise<void> {
  const [, period = '', threshold] = key.sk.split('#');
  const known = ALERT_THRESHOLDS.find((each) => each === Number(threshold));
  const item = await getItem(store, 'tenants', key);
  if (known === undefined || item?.['outbox'] === undefined) return;
  await send({ tenantId: tenantOfKey(key) ?? '', period, threshold: known });
  await updateItem(store, 'tenants', key, {
    set: { delivered_at: isoTime(store.clock.now()) },
    remove: ['outbox', 'outbox_at'],
    condition: 'attribute_exists(#pk)',
  });
}
