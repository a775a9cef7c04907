import { createTenantClient, hasEnded, type TenantClient } from '../../tests/e2e/tenant-client.ts';
import type { TestTenant } from '../../tests/harness/outpost.ts';
import type { Job } from '../../shared/model/job.ts';

/** A tenant as a client of a measured API. */
export type Client = TenantClient<TestTenant>;

export const clientOf = (endpoint: string, tenant: TestTenant): Client =>
  createTenantClient(endpoint, tenant);

const JOB_MS = 300_000;

/** Runs a job to its end. Throws Error unless it succeeded. */
export async function runJob(client: Client, body: object): Promise<Job> {
  const job = await client.until(await client.submit(body), hasEnded, JOB_MS);
  if (job.status !== 'succeeded') throw new Error(`a job of the benchmark is ${JSON.stringify(job)}`);
  return job;
}
