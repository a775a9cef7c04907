import { JobRecord } from '../../model/job.ts';
import { fromItem, getItem, type Store } from '../store.ts';
import { jobKey } from './job-state.ts';

/** A tenant's job, read strongly; undefined when this tenant has no such job. */
export async function getJob(store: Store, tenantId: string, jobId: string): Promise<JobRecord | undefined> {
  const item = await getItem(store, 'jobs', jobKey(tenantId, jobId));
  return item && fromItem(JobRecord, item);
}
