import type { JobRecord } from '../../model/job.ts';
import { slotsKey, workspaceKey } from '../item-keys.ts';
import type { Write } from '../transact.ts';

/** Gives back what a running job holds: its workspace, and its slot under a cap. */
export function releaseReservations(job: JobRecord): Write[] {
  const workspace: Write = {
    label: 'workspace',
    table: 'tenants',
    delete: workspaceKey(job.tenant_id, job.workspace),
    condition: 'attribute_not_exists(#pk) OR #job_id = :me',
    values: { me: job.job_id },
  };
  if (job.slot !== true) return [workspace];
  return [
    workspace,
    {
      label: 'slot',
      table: 'tenants',
      update: slotsKey(job.tenant_id),
      change: { add: { running: -1 }, condition: '#running > :none', values: { none: 0 } },
    },
  ];
}
