import { type } from 'arktype';
import { notList, Timestamp } from './primitives.ts';

/**
 * One API call, or one thing the platform did to a tenant's job. Never holds a secret, a prompt or a query
 * string. `tenant_id` is `anonymous#<day>#<shard>` when nobody was authenticated.
 */
export const AuditEntry = type({
  tenant_id: 'string',
  timestamp: Timestamp,
  /** What was asked for, for example `job.create`. */
  action: /^[a-z_]+(\.[a-z_]+)+$/,
  /** What it was asked of, for example `jobs/01J...`: a path, up to its last id. */
  resource: 'string <= 256',
  metadata: type('Record<string, string | number | boolean | null>').narrow(notList),
  request_id: 'string',
  /** `key:<key_id>`, `worker`, `system`, `authorizer` or `anonymous`. */
  actor: 'string',
  source_ip: 'string | null',
  user_agent: 'string <= 256 | null',
  outcome: "'allowed' | 'denied' | 'failed'",
  /** The HTTP status; null for what the platform did by itself. */
  status: 'number.integer | null',
});
export type AuditEntry = typeof AuditEntry.infer;
