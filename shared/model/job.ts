import { type } from 'arktype';
import { declaredBy } from './declared-by.ts';
import { Usage } from './event.ts';
import { NonNegativeInteger, notList, Timestamp, Ulid, Uuid } from './primitives.ts';

/**
 * A job: one command for one agent.
 *
 * Glossary. attempt: the n-th time a worker claimed it, 0 before the first. lease: a worker's right to the
 * job until a moment. fencing token: names one claim; every write of that attempt is conditional on it, so a
 * worker that lost its lease cannot write. sealed: the last event of an attempt that counts. parked: waits for
 * a slot or for its workspace, with no message in a queue.
 */

const JOB_STATUSES = ['pending', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out'] as const;
export const JobStatus = type.enumerated(...JOB_STATUSES);
export type JobStatus = typeof JobStatus.infer;

export const TERMINAL_STATUSES = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const;
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];

export const isTerminal = (status: JobStatus): status is TerminalStatus =>
  (TERMINAL_STATUSES as readonly JobStatus[]).includes(status);

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export const Priority = type.enumerated(...PRIORITIES);
export type Priority = typeof Priority.infer;

/** A folder name: no separators, not `.` or `..`. */
export const WorkspaceName = type(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/).describe(
  '1 to 64 letters, digits, ".", "_" or "-", and not "." or ".."',
);

const COMMAND_MAX_CHARACTERS = 10_000;
export const TIMEOUT_MAX_SECONDS = 39_600;
export const TIMEOUT_DEFAULT_SECONDS = 3_600;

/** Any text but NUL, which no process can be handed. */
export const Command = type(/^[^\u0000]*$/)
  .describe('text without NUL')
  .and(`1 <= string <= ${COMMAND_MAX_CHARACTERS}`);

/**
 * The client's own labels: short names, short values. The operation also bounds how many. Not `__proto__`,
 * which no assignment sets, and not `constructor`, from which the AWS SDK takes the type of what it stores.
 */
export const Metadata = type({
  '[/^(?!(?:__proto__|constructor)$)[A-Za-z0-9._-]{1,64}$/]': 'string <= 512',
  '+': 'reject',
}).narrow(notList);
export const METADATA_MAX_LABELS = 20;

export const Failure = type({ code: /^[a-z_]{1,64}$/, message: 'string' });
export type Failure = typeof Failure.infer;

export const AgentName = type(/^[a-z][a-z0-9-]{0,31}$/).describe(
  'the name of an agent: 1 to 32 lower-case letters, digits or "-", a letter first',
);

export const Job = type({
  job_id: Ulid,
  tenant_id: Uuid,
  agent: AgentName,
  command: 'string',
  workspace: WorkspaceName,
  priority: Priority,
  status: JobStatus,
  attempt: NonNegativeInteger,
  max_attempts: '1 <= number.integer <= 3',
  timeout_seconds: `1 <= number.integer <= ${TIMEOUT_MAX_SECONDS}`,
  metadata: type('Record<string, string>').narrow(notList),
  created_at: Timestamp,
  started_at: Timestamp.or('null'),
  completed_at: Timestamp.or('null'),
  cancel_requested_at: Timestamp.or('null'),
  exit_code: 'number.integer | null',
  failure: Failure.or('null'),
  usage: Usage.or('null'),
  output_location: 'string | null',
  output_bytes: NonNegativeInteger.or('null'),
  output_truncated: 'boolean',
});
export type Job = typeof Job.infer;

/** A job as stored: the public fields and what the dispatch needs. */
export const JobRecord = Job.and({
  /** `<tenant_id>#<status>`: key of the status index. */
  tenant_status: 'string',
  /** Hash of the key that submitted it: the claim checks that it is not revoked. */
  key_hash: 'string',
  request_id: 'string',
  /** Failures that were ours: raised by the claim that finds an expired lease. */
  platform_failures: NonNegativeInteger,
  /** Failures that were the agent's. */
  agent_failures: NonNegativeInteger,
  /** How often the sweeper has looked: it doubles the wait. */
  checks: NonNegativeInteger,
  /** attempt -> the last event id that counts. Absent: the attempt is still being written. */
  sealed: type('Record<string, number>').narrow(notList),
  'check_shard?': 'string',
  /** Epoch milliseconds. */
  'next_check_at?': 'number',
  'parked_for?': 'string',
  'lease_token?': 'string',
  /** Epoch milliseconds, in AWS's time. */
  'lease_expires_at?': 'number',
  'lease_worker?': 'string',
  /** Holds one of the tenant's running slots. */
  'slot?': 'boolean',
  /** The usage counter that this job was counted on, when its tenant has a quota. */
  'usage_period?': 'string',
  /** When an agent process first started: from then on the job counts. */
  'agent_started_at?': Timestamp,
  /** Why the cancellation was asked for, when it was not the tenant. */
  'cancel_reason?': 'string',
});
export type JobRecord = typeof JobRecord.infer;

/** The job as its tenant may see it. */
export function publicJob(record: JobRecord): Job {
  return Job.assert(publicFields(record));
}

const publicFields = declaredBy(Job);
