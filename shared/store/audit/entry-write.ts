import { encodeTime } from 'ulid';
import { sha256 } from '../../hash.ts';
import { epochSeconds, isoTime } from '../../clock.ts';
import type { AuditEntry } from '../../model/audit-entry.ts';
import type { Store } from '../store.ts';
import type { Write } from '../transact.ts';
import { CERTAINTY, type Certainty } from './certainty.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const SECONDS_A_DAY = 86_400;

/**
 * The sort key of an entry: `<timestamp>#<ulid>`. The ULID's random part is a digest of the request id, so
 * however often and by whomever one call is recorded, it is one item: exactly one entry a request.
 */
function entryKey(entry: Pick<AuditEntry, 'timestamp' | 'request_id'>): string {
  const digest = sha256(entry.request_id);
  const random = Array.from({ length: 16 }, (_, index) =>
    CROCKFORD.charAt(Number.parseInt(digest.slice(index * 2, index * 2 + 2), 16) % 32),
  );
  return `${entry.timestamp}#${encodeTime(Date.parse(entry.timestamp))}${random.join('')}`;
}

/** An entry as stored: with its key and its expiry. */
export const entryItem = (store: Store, entry: AuditEntry, certainty: Certainty): object => ({
  ...entry,
  certainty: CERTAINTY[certainty],
  entry_key: entryKey(entry),
  ttl: epochSeconds(Date.parse(entry.timestamp)) + store.auditRetentionDays * SECONDS_A_DAY,
});

/** The entry as one write of the transaction that it vouches for: no entry, no change. */
export const auditWrite = (store: Store, entry: AuditEntry, certainty: Certainty = 'committed'): Write => ({
  label: 'audit',
  table: 'audit',
  put: entryItem(store, entry, certainty),
});

/** What the platform did to a job by itself. `occasion` makes a repeated write of one deed the same entry. */
export function platformEntry(
  store: Store,
  actor: 'worker' | 'system',
  action: string,
  job: { tenant_id: string; job_id: string },
  occasion: string,
  metadata: AuditEntry['metadata'] = {},
): AuditEntry {
  return {
    tenant_id: job.tenant_id,
    timestamp: isoTime(store.clock.now()),
    action,
    resource: `jobs/${job.job_id}`,
    metadata,
    request_id: `${job.job_id}:${action}:${occasion}`,
    actor,
    source_ip: null,
    user_agent: null,
    outcome: 'allowed',
    status: null,
  };
}
