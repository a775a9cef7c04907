import { isoTime } from '../../clock.ts';
import type { Usage } from '../../model/event.ts';
import type { Failure, JobRecord, TerminalStatus } from '../../model/job.ts';
import { auditWrite, platformEntry } from '../audit/entry-write.ts';
import { ledgerWrite } from '../billing/ledger.ts';
import { usageKey } from '../item-keys.ts';
import type { Store } from '../store.ts';
import { ConditionFailed, transact, type Write } from '../transact.ts';
import type { Lease } from './claim-job.ts';
import { jobKey, tenantStatus, UNFINISHED_ATTRIBUTES } from './job-state.ts';
import { releaseReservations } from './release-reservations.ts';

/** How a job ended. */
export type Outcome = {
  readonly status: TerminalStatus;
  readonly failure: Failure | null;
  readonly exitCode?: number | null;
  readonly usage?: Usage | null;
  readonly output?: { readonly location: string | null; readonly bytes: number; readonly truncated: boolean };
  /** The last event of the attempt: seals it. */
  readonly lastEventId?: number;
  /** Timestamp; now unless the answer to a request has named it. */
  readonly completedAt?: string;
};

/** Whose job it is to end: the holder of the lease, or anybody while it is still pending. */
export type EndGuard = { readonly guard: 'lease'; readonly lease: Lease } | { readonly guard: 'pending' };

/** Failures that are the platform's: the job is refunded and not billed (design, Billing). */
const PLATFORM_FAILURE = 'platform_failure';

/**
 * Ends a job: the one function that does, for worker, cancel, sweeper and dead-letter handler. One
 * transaction writes the terminal status, releases slot and workspace, writes the ledger row of a billable
 * job or refunds the quota of one that does not count, and leaves the audit entry (`audit` replaces the
 * platform's own entry when a tenant's request ends the job). False when the guard no longer held: then
 * nothing was written.
 */
export async function endJob(
  store: Store,
  job: JobRecord,
  guard: EndGuard,
  outcome: Outcome,
  extra: readonly Write[] = [],
): Promise<boolean> {
  const billable = job.agent_started_at !== undefined && outcome.failure?.code !== PLATFORM_FAILURE;
  const completedAt = outcome.completedAt ?? isoTime(store.clock.now());
  const entry = platformEntry(store, 'worker', 'job.end', job, 'end', {
    status: outcome.status,
    attempt: job.attempt,
    failure: outcome.failure?.code ?? null,
  });
  const writes: Write[] = [
    {
      label: 'job',
      table: 'jobs',
      update: jobKey(job.tenant_id, job.job_id),
      change: {
        set: {
          status: outcome.status,
          tenant_status: tenantStatus(job.tenant_id, outcome.status),
          completed_at: completedAt,
          failure: outcome.failure,
          exit_code: outcome.exitCode ?? null,
          usage: outcome.usage ?? null,
          output_location: outcome.output?.location ?? null,
          output_bytes: outcome.output?.bytes ?? null,
          output_truncated: outcome.output?.truncated ?? false,
          ...(outcome.lastEventId === undefined
            ? {}
            : { sealed: { ...job.sealed, [job.attempt]: outcome.lastEventId } }),
        },
        remove: UNFINISHED_ATTRIBUTES,
        ...guardCondition(job, guard),
      },
    },
    ...(job.status === 'running' ? releaseReservations(job) : []),
    ...(extra.length > 0 ? extra : [auditWrite(store, entry)]),
  ];
  return commitEnd(store, writes, settlement(job, billable, completedAt));
}

/** Ends the job without the refund when its tenant has had as many of them in the period as its limit allows. */
async function commitEnd(
  store: Store,
  writes: readonly Write[],
  settled: readonly Write[],
): Promise<boolean> {
  try {
    await transact(store, [...writes, ...settled]);
    return true;
  } catch (error) {
    if (!(error instanceof ConditionFailed)) throw error;
    if (error.failed.has('job')) return false;
    if (error.failed.size === 1 && error.failed.has('usage')) return commitEnd(store, writes, []);
    throw error;
  }
}

/**
 * Besides whose the job is: an agent that was marked as started after `job` was read, by a worker whose lease
 * has run out since, must be in the ledger. Then nothing is written, and the job is ended from a new reading.
 */
function guardCondition(job: JobRecord, guard: EndGuard) {
  if (guard.guard === 'pending') {
    return {
      condition: '#status = :expected AND #attempt = :attempt',
      values: { expected: 'pending', attempt: job.attempt },
    };
  }
  const started = job.agent_started_at === undefined ? ' AND attribute_not_exists(#agent_started_at)' : '';
  return {
    condition: `#status = :expected AND #lease_token = :token${started}`,
    values: { expected: 'running', token: guard.lease.token },
  };
}

/** A job counts once its agent started; one that never started, or that the platform failed, is refunded. */
function settlement(job: JobRecord, billable: boolean, completedAt: string): Write[] {
  if (billable) return [ledgerWrite(job, completedAt)];
  if (job.usage_period === undefined) return [];
  return [
    {
      label: 'usage',
      table: 'tenants',
      update: usageKey(job.tenant_id, job.usage_period),
      change: {
        add: { used: -1, refunded: 1 },
        condition: 'attribute_not_exists(#refunded) OR attribute_not_exists(#limit) OR #refunded < #limit',
      },
    },
  ];
}
