import { isoTime } from '../../shared/clock.ts';
import { invalidField } from '../../shared/errors.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { listEntries } from '../../shared/store/audit/list-entries.ts';
import { OutpostError } from '../../shared/errors.ts';
import { type Caller, isAdmin } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor, limitOf } from './page.ts';

const ENTRY_KEY = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9A-HJKMNP-TV-Z]{26}$/;
const FIRST_DAY = '2000-01-01T00:00:00.000Z';

export type AuditQuery = {
  readonly from?: string;
  readonly to?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly tenant_id?: string;
  readonly cursor?: string;
  readonly limit?: string;
};

/**
 * A page of a tenant's audit log, newest first. The operator may name another tenant. A page may be short or
 * empty and still have a next one: a filter is applied while reading. Throws forbidden, invalid_request.
 */
export async function listAudit(
  deps: ApiDeps,
  caller: Caller,
  query: AuditQuery,
): Promise<{ entries: AuditEntry[]; next_cursor: string | null }> {
  const tenantId = query.tenant_id ?? caller.tenantId;
  if (tenantId !== caller.tenantId && !isAdmin(caller)) {
    throw new OutpostError('forbidden', 'Only the operator may name another tenant.');
  }
  const from = query.from ?? FIRST_DAY;
  const to = query.to ?? isoTime(deps.clock.now());
  if (from > to) throw invalidField('from', 'must not lie after to.');
  const after = decodeCursor('audit', query.cursor, ENTRY_KEY);
  const { entries, next } = await listEntries(
    deps.store,
    tenantId,
    {
      from,
      to,
      ...(query.action === undefined ? {} : { action: query.action }),
      ...(query.resource === undefined ? {} : { resource: query.resource }),
    },
    { limit: limitOf(query.limit), ...(after === undefined ? {} : { after }) },
  );
  return {
    entries: entries.map(({ entry }) => entry),
    next_cursor: next === undefined ? null : encodeCursor('audit', next),
  };
}
