import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { JobRecord, type JobStatus } from '../../model/job.ts';
import { fromItem, type Store, toItem } from '../store.ts';
import { jobKey, tenantStatus } from './job-state.ts';

/** A page of a tenant's jobs, newest first. `after` is the last job id of the page before. */
export async function listJobs(
  store: Store,
  tenantId: string,
  page: { status?: JobStatus; after?: string; limit: number },
): Promise<{ jobs: JobRecord[]; last: string | undefined }> {
  const byStatus = page.status === undefined ? undefined : tenantStatus(tenantId, page.status);
  const answer = await store.client.send(
    new QueryCommand({
      TableName: store.tables.jobs,
      ScanIndexForward: false,
      Limit: page.limit,
      KeyConditionExpression: '#partition = :partition',
      ExpressionAttributeValues: toItem({ ':partition': byStatus ?? tenantId }),
      ExpressionAttributeNames: { '#partition': byStatus === undefined ? 'tenant_id' : 'tenant_status' },
      ...(byStatus === undefined ? { ConsistentRead: true } : { IndexName: 'by-status' }),
      ...(page.after === undefined
        ? {}
        : {
            ExclusiveStartKey: toItem({
              ...jobKey(tenantId, page.after),
              ...(byStatus === undefined ? {} : { tenant_status: byStatus }),
            }),
          }),
    }),
  );
  const jobs = (answer.Items ?? []).map((item) => fromItem(JobRecord, item));
  return { jobs, last: answer.LastEvaluatedKey === undefined ? undefined : jobs.at(-1)?.job_id };
}
