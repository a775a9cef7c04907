import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { JobRecord } from '../../model/job.ts';
import { fromItem, type Store, toItem } from '../store.ts';
import { updateItem } from '../update-item.ts';
import { jobKey, parkedForSlot, parkedForWorkspace } from './job-state.ts';

/**
 * Takes the oldest job that waits for this workspace, and the oldest that waits for a slot of this tenant, out
 * of parking. The caller sends each a fresh message; should it die before, the sweeper does.
 */
export async function unparkOldest(store: Store, tenantId: string, workspace: string): Promise<JobRecord[]> {
  const unparked = await Promise.all(
    [parkedForWorkspace(tenantId, workspace), parkedForSlot(tenantId)].map((parkedFor) =>
      unparkFirst(store, tenantId, parkedFor),
    ),
  );
  return unparked.filter((job) => job !== undefined);
}

/** A job whose fresh message is lost is looked at by the sweeper after this long, however rarely it was before. */
const UNPARKED_CHECK_MS = 60_000;

/** How many of the oldest are tried: another worker may be promoting them at the same time. */
const CANDIDATES = 5;

/** Takes the oldest job of a line (`parked_for`) out of parking. Undefined when nobody waits there. */
export async function unparkFirst(
  store: Store,
  tenantId: string,
  parkedFor: string,
): Promise<JobRecord | undefined> {
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.jobs,
      IndexName: 'parked',
      Limit: CANDIDATES,
      KeyConditionExpression: '#parked_for = :parked_for',
      ExpressionAttributeNames: { '#parked_for': 'parked_for' },
      ExpressionAttributeValues: toItem({ ':parked_for': parkedFor }),
    }),
  );
  for (const candidate of answer.Items ?? []) {
    const jobId = candidate['job_id']?.S ?? '';
    const item = await updateItem(store, 'jobs', jobKey(tenantId, jobId), {
      set: { next_check_at: store.clock.now() + UNPARKED_CHECK_MS, checks: 0 },
      remove: ['parked_for'],
      condition: '#status = :pending AND #parked_for = :parked_for',
      values: { pending: 'pending', parked_for: parkedFor },
    });
    if (item !== undefined) return fromItem(JobRecord, item);
  }
  return undefined;
}
