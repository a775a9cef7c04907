import { platformEntry } from '../../shared/store/audit/entry-write.ts';
import { putEntry } from '../../shared/store/audit/put-entry.ts';
import type { Lease } from '../../shared/store/jobs/claim-job.ts';
import type { AgentRow } from '../agents/row.ts';
import type { WorkerDeps } from '../deps.ts';

/** With which key an agent calls which model. */
export type ModelAccess =
  /** `origin` stands in for the provider; null is the provider itself. */
  | { readonly kind: 'key'; readonly key: string | null; readonly origin: string | null }
  /** The tenant has stored no key. */
  | { readonly kind: 'missing' };

/** What the scripted model is given for a key. */
const DUMMY_KEY = 'outpost-scripted-model-no-key';

/** A hanging Secrets Manager must not hold the worker: the job goes back then. */
const READ_TIMEOUT_MS = 20_000;

/**
 * The key for an agent. Where the tenant has none and a fallback model is configured, a dummy key and that
 * model. Throws when the key cannot be read in time, or `signal` is aborted: then nothing may be started.
 */
export const findModelAccess = async (
  deps: Pick<WorkerDeps, 'providerKeys' | 'settings' | 'store'>,
  row: AgentRow,
  lease: Lease,
  signal: AbortSignal,
): Promise<ModelAccess> => {
  if (row.provider === null) return { kind: 'key', key: null, origin: null };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(READ_TIMEOUT_MS)]);
  const key = await deps.providerKeys.get(lease.tenantId, row.provider, limit);
  if (key !== undefined) {
    const job = { tenant_id: lease.tenantId, job_id: lease.jobId };
    const entry = platformEntry(deps.store, 'worker', 'secret.read', job, lease.token, {
      name: row.provider,
    });
    await putEntry(deps.store, entry, 'observed');
    return { kind: 'key', key, origin: null };
  }
  return deps.settings.fallbackModelUrl === null
    ? { kind: 'missing' }
    : { kind: 'key', key: DUMMY_KEY, origin: deps.settings.fallbackModelUrl };
};
