import { type Job, type JobStatus, publicJob } from '../../shared/model/job.ts';
import { listJobs } from '../../shared/store/jobs/list-jobs.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor, limitOf } from './page.ts';

const JOB_ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** A page of a tenant's jobs, newest first. Throws invalid_request for a cursor that is not this list's. */
export async function listTenantJobs(
  deps: ApiDeps,
  tenantId: string,
  query: { status?: JobStatus; cursor?: string; limit?: string },
): Promise<{ jobs: Job[]; next_cursor: string | null }> {
  const after = decodeCursor('jobs', query.cursor, JOB_ID);
  const { jobs, last } = await listJobs(deps.store, tenantId, {
    ...(query.status === undefined ? {} : { status: query.status }),
    ...(after === undefined ? {} : { after }),
    limit: limitOf(query.limit),
  });
  return { jobs: jobs.map(publicJob), next_cursor: last === undefined ? null : encodeCursor('jobs', last) };
}
