import { isoTime } from '../../shared/clock.ts';
import { describeError, notFound, OutpostError } from '../../shared/errors.ts';
import { failpoint } from '../../shared/failpoint.ts';
import { logAttempt } from '../../shared/log-attempt.ts';
import { type JobRecord } from '../../shared/model/job.ts';
import { publicTenant, type Tenant, type TenantRecord } from '../../shared/model/tenant.ts';
import { deleteProviderSecret, listProviderSecrets } from '../../shared/secrets/provider-secret-store.ts';
import { endJob, type Outcome } from '../../shared/store/jobs/end-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { listJobs } from '../../shared/store/jobs/list-jobs.ts';
import { requestCancel } from '../../shared/store/jobs/request-cancel.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { deleteTenantWrites, finishDeletion } from '../../shared/store/tenants/delete-tenant-writes.ts';
import type { Caller } from '../caller.ts';
import type { Change } from '../change.ts';
import type { Write } from '../../shared/store/transact.ts';
import { syncAt } from '../../shared/store/billing/sync-due.ts';
import type { ApiDeps } from '../deps.ts';
import { withTenant } from './find-tenant.ts';

/**
 * Soft-deletes a tenant. One transaction marks it deleted and revokes all its keys: from then on nothing can
 * start. Then its pending jobs are cancelled, its running ones stopped and its secrets scheduled for deletion.
 * Should that die half-way, the sweeper goes on with it. Deleting it again goes on, too. Throws not_found,
 * forbidden for the operator's own tenant, whose end would leave no admin key.
 */
export async function deleteTenant(
  deps: ApiDeps,
  caller: Caller,
  tenantId: string,
  change: Change,
): Promise<Tenant> {
  if (tenantId === caller.tenantId) {
    throw new OutpostError('forbidden', 'The operator’s own tenant cannot be deleted.');
  }
  const known = await getTenant(deps.store, tenantId);
  if (known === undefined) throw notFound('tenant');
  const deleted = known.status === 'deleted' ? known : await markDeleted(deps, tenantId, change);
  await failpoint('api.after_tenant_mark');
  await wipeTenant(deps, deleted);
  return publicTenant(deleted);
}

function markDeleted(deps: ApiDeps, tenantId: string, change: Change): Promise<TenantRecord> {
  return withTenant(deps, tenantId, async (before) => {
    const now = isoTime(deps.clock.now());
    const after: TenantRecord = {
      ...before,
      status: 'deleted',
      active_keys: [],
      deleted_at: now,
      updated_at: now,
    };
    await change.commit([...deleteTenantWrites(before, after), ...subscriptionEnds(deps, after)], {
      status: 200,
      body: publicTenant(after),
    });
    for (const hash of before.active_keys) deps.keyring.forget(hash);
    return { ...after, revision: before.revision + 1 };
  });
}

/**
 * A claim that committed just before the deletion may be missing from the index for a moment, so the sweeper
 * looks again until this long after it.
 */
const SETTLED_MS = 60_000;

/** What it subscribed to ends as soon as Stripe can be told. */
const subscriptionEnds = (deps: ApiDeps, { id, updated_at: now }: TenantRecord): Write[] =>
  deps.billing === undefined ? [] : [syncAt(id, now)];

/** What is left to do of a deletion. Safe to repeat, by whomever. */
export async function wipeTenant(deps: ApiDeps, tenant: TenantRecord): Promise<void> {
  for (const status of ['pending', 'running'] as const) {
    let after: string | undefined;
    do {
      const page = await listJobs(deps.store, tenant.id, {
        status,
        limit: 100,
        ...(after === undefined ? {} : { after }),
      });
      for (const job of page.jobs) {
        await stopJob(deps, job);
        await failpoint('api.after_tenant_job');
      }
      after = page.last;
    } while (after !== undefined);
  }
  for (const secret of await listProviderSecrets(deps.secrets, tenant.id)) {
    if (secret.status === 'active') await deleteProviderSecret(deps.secrets, tenant.id, secret.name);
    deps.providerKeys.forget(tenant.id, secret.name);
    await failpoint('api.after_tenant_secret');
  }
  const age = deps.clock.now() - Date.parse(tenant.deleted_at ?? isoTime(0));
  if (age > SETTLED_MS) await finishDeletion(deps.store, tenant);
}

async function stopJob(deps: ApiDeps, listed: JobRecord): Promise<void> {
  const job = await getJob(deps.store, listed.tenant_id, listed.job_id);
  if (job === undefined) return;
  const outcome: Outcome = {
    status: 'cancelled',
    failure: { code: 'tenant_deleted', message: 'The tenant was deleted.' },
  };
  try {
    if (job.status === 'pending' && (await endJob(deps.store, job, { guard: 'pending' }, outcome)))
      logAttempt(deps.log, job, 'ended', outcome);
    if (job.status === 'running' && job.cancel_requested_at === null)
      await requestCancel(deps.store, job, []);
  } catch (error) {
    // The claim of a deleted tenant's job ends it all the same; the others must not wait for this one.
    deps.log.warn('tenant.delete_job_failed', {
      tenant_id: job.tenant_id,
      job_id: job.job_id,
      ...describeError(error),
    });
  }
}
