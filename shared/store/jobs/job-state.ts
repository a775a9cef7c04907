import type { JobRecord, JobStatus } from '../../model/job.ts';
import { sha256 } from '../../hash.ts';

/** Derived attributes of a job: what its indexes need, in one place. */

/** Shards of the sweeper's index: one hot partition would bound the rate of submissions. */
export const CHECK_SHARDS = 8;

export const checkShard = (jobId: string): string =>
  String(Number.parseInt(sha256(jobId).slice(0, 4), 16) % CHECK_SHARDS);

export const tenantStatus = (tenantId: string, status: JobStatus): string => `${tenantId}#${status}`;

export const parkedForSlot = (tenantId: string): string => `${tenantId}#slot`;
export const parkedForWorkspace = (tenantId: string, workspace: string): string =>
  `${tenantId}#workspace#${workspace}`;

/** Whom a job waits for, from what it is parked for. */
export function waitsFor(parkedFor: string): { tenantId: string; workspace: string | null } {
  const [tenantId = '', kind, ...name] = parkedFor.split('#');
  return { tenantId, workspace: kind === 'workspace' ? name.join('#') : null };
}

/** Clocks of workers may differ by this much and a lease is still never taken early. */
export const LEASE_MARGIN_MS = 5_000;

export const leaseExpired = (job: JobRecord, now: number): boolean =>
  job.status === 'running' && (job.lease_expires_at ?? 0) + LEASE_MARGIN_MS < now;

export const jobKey = (tenantId: string, jobId: string): { tenant_id: string; job_id: string } => ({
  tenant_id: tenantId,
  job_id: jobId,
});

/** The attributes that a job has only while it is unfinished. */
export const UNFINISHED_ATTRIBUTES = [
  'check_shard',
  'next_check_at',
  'parked_for',
  'lease_token',
  'lease_expires_at',
  'lease_worker',
  'slot',
] as const;
