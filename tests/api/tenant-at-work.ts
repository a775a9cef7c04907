import { expect } from 'bun:test';
import type { Aws } from '../../shared/deps.ts';
import { describeProviderSecret } from '../../shared/secrets/provider-secret-store.ts';
import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import type { TestApi } from '../harness/outpost.ts';
import { createWorld, type World } from './world.ts';

/** A tenant with a pending job, a running one and a provider key: all that its deletion has to end. */
export type TenantAtWork = World & { readonly running: string };

export async function tenantAtWork(aws: Aws, api: TestApi): Promise<TenantAtWork> {
  const world = await createWorld(api, aws);
  const answer = await api.request('POST', '/jobs', {
    key: world.apiKey,
    body: { agent: 'codex', command: 'x', workspace: 'second' },
  });
  const { job_id: running } = await answer.json();
  const request = { tenantId: world.tenantId, jobId: running, workerId: 'w', leaseSeconds: 600 };
  expect((await claimJob(aws.store, request)).kind).toBe('claimed');
  return { ...world, running };
}

/** What is left to do of a tenant's deletion. Its keys are never among it: they end with the first write. */
export async function leftOf(aws: Aws, { tenantId, params, running }: TenantAtWork): Promise<string[]> {
  expect(await getTenant(aws.store, tenantId)).toMatchObject({ status: 'deleted', active_keys: [] });
  const pending = await getJob(aws.store, tenantId, params.job_id);
  const started = await getJob(aws.store, tenantId, running);
  const secret = await describeProviderSecret(aws.secrets, tenantId, 'openai');
  expect(started?.status).toBe('running');
  return [
    ...(pending?.status === 'pending' ? ['pending job'] : []),
    ...(started?.cancel_requested_at === null ? ['running job'] : []),
    ...(secret?.status === 'active' ? ['secret'] : []),
  ];
}

/** Row T1: everything that a deletion ends has ended. */
export async function expectWiped(aws: Aws, tenant: TenantAtWork): Promise<void> {
  expect(await leftOf(aws, tenant)).toEqual([]);
  expect(await getJob(aws.store, tenant.tenantId, tenant.params.job_id)).toMatchObject({
    status: 'cancelled',
    failure: { code: 'tenant_deleted' },
  });
}
