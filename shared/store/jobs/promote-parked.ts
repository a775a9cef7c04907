import { ScanCommand } from '@aws-sdk/client-dynamodb';
import type { JobRecord } from '../../model/job.ts';
import type { Item, Store } from '../store.ts';
import { getTenant } from '../tenants/get-tenant.ts';
import { freeSlots, isWorkspaceFree } from './free-capacity.ts';
import { waitsFor } from './job-state.ts';
import { unparkFirst } from './unpark-oldest.ts';

/**
 * Takes out of parking, oldest first, the jobs that wait for what is free: their wake-up was lost with a worker,
 * went to a job that was then cancelled, or never came because a cap was raised. At most `limit` a line. The
 * caller sends each a fresh message; should it die before, the sweeper does. Reads the keys of every parked job
 * and one or two items a line; promoting too many is harmless, since claims decide.
 */
export async function promoteParked(store: Store, limit: number): Promise<JobRecord[]> {
  const promoted: JobRecord[] = [];
  for (const [parkedFor, waiting] of await parkedLines(store)) {
    const free = Math.min(waiting, limit, await freeFor(store, parkedFor));
    for (let n = 0; n < free; n += 1) {
      const job = await unparkFirst(store, waitsFor(parkedFor).tenantId, parkedFor);
      if (job !== undefined) promoted.push(job);
    }
  }
  return promoted;
}

async function freeFor(store: Store, parkedFor: string): Promise<number> {
  const { tenantId, workspace } = waitsFor(parkedFor);
  if (workspace !== null) return (await isWorkspaceFree(store, tenantId, workspace)) ? 1 : 0;
  const tenant = await getTenant(store, tenantId);
  return tenant === undefined ? 0 : freeSlots(store, tenant);
}

/** What jobs are parked for, and how many. The index is sparse: nobody else is in it. */
async function parkedLines(store: Store): Promise<Map<string, number>> {
  const lines = new Map<string, number>();
  let start: Item | undefined;
  do {
    const answer = await store.client.send(
      new ScanCommand({
        TableName: store.tables.jobs,
        IndexName: 'parked',
        ProjectionExpression: '#parked_for',
        ExpressionAttributeNames: { '#parked_for': 'parked_for' },
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    for (const item of answer.Items ?? []) {
      const parkedFor = item['parked_for']?.S ?? '';
      lines.set(parkedFor, (lines.get(parkedFor) ?? 0) + 1);
    }
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return lines;
}
