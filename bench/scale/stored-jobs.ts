import { ulid } from 'ulid';
import { isoTime } from '../../shared/clock.ts';
import type { JobRecord, JobStatus } from '../../shared/model/job.ts';
import { checkShard, tenantStatus } from '../../shared/store/jobs/job-state.ts';

/** Stored jobs of one tenant, as the API and the workers would have left them. */

/** One job in so many is unfinished, and due only in an hour. */
const UNFINISHED_EVERY = 100;
const HOUR_MS = 3_600_000;
/** Between two jobs: ids tell the time. */
const STEP_MS = 10;

type Owner = { readonly tenantId: string; readonly keyHash: string };

/** `count` jobs from the `first` on, oldest first; the same numbers have the same times. */
export function* storedJobs(
  owner: Owner,
  start: number,
  first: number,
  count: number,
  keep: (jobId: string) => void,
): Generator<JobRecord> {
  for (let n = first; n < first + count; n += 1) {
    const at = start + n * STEP_MS;
    const jobId = ulid(at);
    keep(jobId);
    const unfinished = n % UNFINISHED_EVERY === 0;
    yield jobRecord(owner, jobId, at, unfinished ? 'pending' : 'succeeded', Date.now() + HOUR_MS);
  }
}

/** Pending jobs that the sweeper must look at now. */
export const dueJobs = (owner: Owner, count: number): JobRecord[] =>
  Array.from({ length: count }, () => {
    const now = Date.now();
    return jobRecord(owner, ulid(now), now, 'pending', now - 1);
  });

function jobRecord(
  { tenantId, keyHash }: Owner,
  jobId: string,
  at: number,
  status: Extract<JobStatus, 'pending' | 'succeeded'>,
  nextCheckAt: number,
): JobRecord {
  const pending = status === 'pending';
  const time = isoTime(at);
  return {
    job_id: jobId,
    tenant_id: tenantId,
    agent: 'echo',
    command: 'x'.repeat(100),
    workspace: 'default',
    priority: 'normal',
    status,
    attempt: pending ? 0 : 1,
    max_attempts: 1,
    timeout_seconds: 3600,
    metadata: {},
    created_at: time,
    started_at: pending ? null : time,
    completed_at: pending ? null : time,
    cancel_requested_at: null,
    exit_code: pending ? null : 0,
    failure: null,
    usage: null,
    output_location: null,
    output_bytes: pending ? null : 0,
    output_truncated: false,
    tenant_status: tenantStatus(tenantId, status),
    key_hash: keyHash,
    request_id: jobId,
    platform_failures: 0,
    agent_failures: 0,
    checks: 0,
    sealed: {},
    ...(pending ? { check_shard: checkShard(jobId), next_check_at: nextCheckAt } : {}),
  };
}
