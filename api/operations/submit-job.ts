import { type } from 'arktype';
import { isoTime } from '../../shared/clock.ts';
import { describeError, invalidField, OutpostError } from '../../shared/errors.ts';
import { failpoint } from '../../shared/failpoint.ts';
import { sha256 } from '../../shared/hash.ts';
import { newUlid } from '../../shared/ids.ts';
import {
  AgentName,
  Command,
  type JobRecord,
  Metadata,
  METADATA_MAX_LABELS,
  Priority,
  TIMEOUT_DEFAULT_SECONDS,
  TIMEOUT_MAX_SECONDS,
  WorkspaceName,
} from '../../shared/model/job.ts';
import { WORKING_STATUSES } from '../../shared/model/tenant.ts';
import { sendJob } from '../../shared/queue/send-job.ts';
import { checkShard, tenantStatus } from '../../shared/store/jobs/job-state.ts';
import {
  isSuperseded,
  type QuotaReservation,
  quotaReservation,
} from '../../shared/store/usage/quota-reservation.ts';
import { ConditionFailed } from '../../shared/store/transact.ts';
import type { ApiDeps } from '../deps.ts';
import { type Caller, rereadCaller } from '../caller.ts';
import type { Change } from '../change.ts';

export const JobRequest = type({
  '+': 'reject',
  agent: AgentName,
  command: Command,
  'workspace?': WorkspaceName,
  'priority?': Priority,
  'timeout_seconds?': `1 <= number.integer <= ${TIMEOUT_MAX_SECONDS}`,
  'max_attempts?': '1 <= number.integer <= 3',
  'metadata?': Metadata,
});
export type JobRequest = typeof JobRequest.infer;

export type Submitted = {
  readonly job_id: string;
  readonly status: 'pending';
  readonly estimated_start: string;
};

/**
 * Accepts a job: one transaction (job, quota, audit, idempotency), then one message. The job record is the
 * authority: a job whose message was not sent is accepted all the same, and the sweeper sends it.
 * Throws invalid_request (an agent that is not offered), forbidden (a tenant that may not work),
 * quota_exceeded.
 */
export async function submitJob(
  deps: ApiDeps,
  caller: Caller,
  input: JobRequest,
  context: { change: Change; requestId: string },
): Promise<Submitted> {
  if (!deps.settings.agents.includes(input.agent)) {
    throw invalidField('agent', `must be one of ${deps.settings.agents.join(', ')}.`);
  }
  if (Object.keys(input.metadata ?? {}).length > METADATA_MAX_LABELS) {
    throw invalidField('metadata', `must have at most ${METADATA_MAX_LABELS} labels.`);
  }
  if (!WORKING_STATUSES.includes(caller.tenantStatus)) {
    throw new OutpostError('forbidden', `The tenant is ${caller.tenantStatus} and may not start jobs.`);
  }
  const { job, submitted } = await accept(deps, caller, input, context);
  await failpoint('api.after_commit_before_send');
  try {
    await sendJob(deps.queues, job);
  } catch (error) {
    deps.log.warn('job.send_failed', {
      tenant_id: job.tenant_id,
      job_id: job.job_id,
      ...describeError(error),
    });
  }
  await failpoint('api.after_send');
  return submitted;
}

type Accepted = { readonly job: JobRecord; readonly submitted: Submitted };

/** How often a submission finds that its copy of the tenant is older than the plan before it gives up. */
const REREADS = 3;

/**
 * Commits the job. A counter that no longer counts means that the plan changed since the key was cached: then
 * the key is read again, so that a change of plan holds for the very next job.
 */
async function accept(
  deps: ApiDeps,
  caller: Caller,
  input: JobRequest,
  context: { change: Change; requestId: string },
): Promise<Accepted> {
  let current = caller;
  for (let reread = 0; ; reread += 1) {
    const quota = quotaReservation(deps.store, current);
    const job = newJob(deps, current, input, context.requestId, quota?.period);
    const submitted: Submitted = {
      job_id: job.job_id,
      status: 'pending',
      estimated_start: isoTime(deps.startEstimate.startOf(job.priority)),
    };
    try {
      await commitJob(context.change, job, submitted, quota);
      return { job, submitted };
    } catch (error) {
      if (quota === undefined || !(error instanceof ConditionFailed) || !error.failed.has('quota'))
        throw error;
      if (!isSuperseded(error.failed.get('quota'))) throw quotaExceeded(quota);
      if (reread === REREADS) throw planChanging();
      current = await rereadCaller(deps, current);
    }
  }
}

function commitJob(
  change: Change,
  job: JobRecord,
  submitted: Submitted,
  quota: QuotaReservation | undefined,
): Promise<void> {
  return change.commit(
    [
      { label: 'job', table: 'jobs', put: job, condition: 'attribute_not_exists(#job_id)' },
      ...(quota === undefined ? [] : [quota.write]),
    ],
    { status: 202, body: submitted },
    {
      resource: `jobs/${job.job_id}`,
      // The prompt itself is never recorded (facts, OWASP).
      metadata: {
        agent: job.agent,
        command_sha256: sha256(job.command),
        command_characters: job.command.length,
      },
      withoutKeyCheck: true,
    },
  );
}

const quotaExceeded = (quota: QuotaReservation): OutpostError =>
  new OutpostError('quota_exceeded', 'All jobs of this period are used up. Upgrade the plan or wait.', {
    resetsAt: quota.resetsAt,
    upgradeUrl: '/billing/checkout',
  });

const planChanging = (): OutpostError =>
  new OutpostError('unavailable', 'The plan is changing just now. Try again.', { retryAfterSeconds: 1 });

function newJob(
  deps: ApiDeps,
  caller: Caller,
  input: JobRequest,
  requestId: string,
  usagePeriod: string | undefined,
): JobRecord {
  const now = deps.clock.now();
  const jobId = newUlid(now);
  return {
    job_id: jobId,
    tenant_id: caller.tenantId,
    agent: input.agent,
    command: input.command,
    workspace: input.workspace ?? 'default',
    priority: input.priority ?? 'normal',
    status: 'pending',
    attempt: 0,
    max_attempts: input.max_attempts ?? 1,
    timeout_seconds: input.timeout_seconds ?? TIMEOUT_DEFAULT_SECONDS,
    metadata: input.metadata ?? {},
    created_at: isoTime(now),
    started_at: null,
    completed_at: null,
    cancel_requested_at: null,
    exit_code: null,
    failure: null,
    usage: null,
    output_location: null,
    output_bytes: null,
    output_truncated: false,
    tenant_status: tenantStatus(caller.tenantId, 'pending'),
    key_hash: caller.keyHash,
    request_id: requestId,
    platform_failures: 0,
    agent_failures: 0,
    checks: 0,
    sealed: {},
    check_shard: checkShard(jobId),
    next_check_at: now + deps.settings.resendSeconds * 1000,
    ...(usagePeriod === undefined ? {} : { usage_period: usagePeriod }),
  };
}
