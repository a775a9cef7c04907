import { type } from 'arktype';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { partitionOfStranger } from '../../shared/store/audit/partitions.ts';
import { putEntry } from '../../shared/store/audit/put-entry.ts';
import { auditedAgent, auditedPath } from '../audited-text.ts';
import { wholeSecond } from '../authorizer.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * One line of the gateway's access log, in the format that the api stack sets. `integration_status` is `-`
 * when the request never reached the app: then nobody else has recorded it.
 */
export const ACCESS_LOG_FORMAT = {
  request_id: '$context.requestId',
  time_epoch: '$context.requestTimeEpoch',
  source_ip: '$context.identity.sourceIp',
  user_agent: '$context.identity.userAgent',
  path: '$context.path',
  status: '$context.status',
  integration_status: '$context.integrationStatus',
} as const;

const Line = type('string.json.parse').to({
  request_id: 'string >= 1',
  time_epoch: /^\d{10,13}$/,
  source_ip: 'string',
  user_agent: 'string',
  path: 'string',
  status: /^\d{3}$/,
  integration_status: 'string',
});

/** Seconds have ten digits until the year 2286. */
const SECONDS_DIGITS = 10;

/**
 * Row A4: records the requests that the gateway ended by itself (no header, cached denial, throttle, unknown
 * route). Safe to repeat: a call is one entry, by its request id. Answers how many lines it recorded.
 */
export async function ingestAccessLog(deps: ApiDeps, lines: readonly string[]): Promise<number> {
  let recorded = 0;
  for (const text of lines) {
    const line = Line(text);
    if (line instanceof type.errors) {
      deps.log.error('access_log.unreadable', {
        problem: [...line].map(({ path }) => path.join('.')).join(', '),
      });
      continue;
    }
    if (line.integration_status !== '-' && line.integration_status !== '') continue;
    await putEntry(deps.store, entryOf(line), 'observed');
    recorded += 1;
  }
  return recorded;
}

function entryOf(line: typeof Line.infer): AuditEntry {
  const epoch = Number(line.time_epoch) * (line.time_epoch.length === SECONDS_DIGITS ? 1000 : 1);
  const timestamp = wholeSecond(epoch);
  return {
    tenant_id: partitionOfStranger(timestamp, line.request_id),
    timestamp,
    action: 'gateway.refused',
    resource: auditedPath(line.path),
    metadata: {},
    request_id: line.request_id,
    actor: 'anonymous',
    source_ip: line.source_ip,
    user_agent: auditedAgent(line.user_agent === '-' ? null : line.user_agent),
    outcome: 'denied',
    status: Number(line.status),
  };
}
