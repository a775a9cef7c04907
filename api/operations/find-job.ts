import { notFound } from '../../shared/errors.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import type { ApiDeps } from '../deps.ts';

/** A job of this tenant. Throws not_found, alike for another tenant's job and for none. */
export async function findJob(deps: ApiDeps, tenantId: string, jobId: string): Promise<JobRecord> {
  const job = await getJob(deps.store, tenantId, jobId);
  if (job === undefined) throw notFound('job');
  return job;
}
