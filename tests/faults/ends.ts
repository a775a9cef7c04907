import { listEntries } from '../../shared/store/audit/list-entries.ts';
import type { Store } from '../../shared/store/store.ts';

const EVER = { from: '2000-01-01T00:00:00.000Z', to: '2999-01-01T00:00:00.000Z' };

/**
 * How often each job of a tenant has ended, by its audit log: an end and its entry are one transaction. A
 * cancellation that was answered with 200 is an end; one answered with 202 is a request.
 */
export const endsOf = async (store: Store, tenantId: string): Promise<Map<string, number>> => {
  const ends = new Map<string, number>();
  let after: string | undefined;
  do {
    const page = await listEntries(store, tenantId, EVER, {
      limit: 500,
      ascending: true,
      ...(after === undefined ? {} : { after }),
    });
    for (const { entry } of page.entries) {
      const { action, status, resource } = entry;
      if (action !== 'job.end' && !(action === 'job.cancel' && status === 200)) continue;
      ends.set(resource, (ends.get(resource) ?? 0) + 1);
    }
    after = page.next;
  } while (after !== undefined);
  return ends;
};
