import { type } from 'arktype';
import { AuditEntry } from '../../shared/model/audit-entry.ts';
import { Timestamp, Uuid } from '../../shared/model/primitives.ts';
import { route } from '../http/route.ts';
import { listAudit } from '../operations/list-audit.ts';
import { CursorText, LimitText } from '../operations/page.ts';

export const list = route({
  method: 'GET',
  path: '/audit',
  operationId: 'listAudit',
  tag: 'Audit',
  summary: 'Read the audit log, newest first',
  description:
    'Every call of this tenant, one entry each, and what the platform did to its jobs. A page may be short and still have a next one.',
  access: 'audit:read',
  action: 'audit.list',
  query: type({
    '+': 'reject',
    'from?': Timestamp,
    'to?': Timestamp,
    'action?': type(/^[a-z_]+(\.[a-z_]+)+$/)
      .describe('an action, for example job.create')
      .and('string <= 64'),
    'resource?': '1 <= string <= 256',
    'tenant_id?': Uuid,
    'cursor?': CursorText,
    'limit?': LimitText,
  }),
  answers: {
    200: {
      description: 'A page of entries.',
      schema: type({ entries: AuditEntry.array(), next_cursor: 'string | null' }),
    },
  },
  handle: async ({ deps, caller, query }) => ({ status: 200, body: await listAudit(deps, caller, query) }),
});
