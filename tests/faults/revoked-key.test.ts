import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import type { Child } from '../harness/child.ts';
import { startApi, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { eventually } from '../worker/launcher/probe.ts';
import { HOOK_MS, API_ENV, type Crew, hire, startWorld, type World } from '../worker/loop/fixture.ts';
import { SCALE, shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;
/** Where keys are revoked: the other API has them cached and hears nothing of it. */
let elsewhere: TestApi;

beforeAll(async () => {
  world = await startWorld({ functions: true });
  elsewhere = await startApi(world.local, API_ENV);
  crew = hire(world);
}, HOOK_MS);
afterAll(async () => {
  await elsewhere.stop();
  await world.stop();
}, HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

/** A second key of the tenant, cached by the world's API. */
const cachedKey = async (tenant: TestTenant): Promise<{ key: string; id: string }> => {
  const issued = await world.api.request('POST', `/tenants/${tenant.tenantId}/api-keys`, {
    key: tenant.apiKey,
    body: { name: 'second' },
  });
  const { api_key: key, key_id: id } = (await issued.json()) as { api_key: string; key_id: string };
  expect((await world.api.request('GET', '/jobs', { key })).status).toBe(200);
  return { key, id };
};

const revoke = async (tenant: TestTenant, keyId: string): Promise<void> => {
  const path = `/tenants/${tenant.tenantId}/api-keys/${keyId}`;
  expect((await elsewhere.request('DELETE', path, { key: tenant.apiKey })).status).toBeLessThan(300);
};

const canonicalLines = (worker: Child, jobId: string) =>
  worker.logs().filter((line) => line['event'] === 'job.attempt' && line['job_id'] === jobId);

describe('a key that is revoked while it is cached (fault 22)', () => {
  test('starts no work, before or after its revocation, and changes nothing', async () => {
    for (let round = 0; round < 3 * SCALE; round += 1) {
      const tenant = await world.tenant();
      const { key, id } = await cachedKey(tenant);
      const before = await world.submit({ ...tenant, apiKey: key }, 'echo never');
      await revoke(tenant, id);
      // The cached decision still lets the submission in: its claim does not.
      const after = await world.submit({ ...tenant, apiKey: key }, 'echo never', { workspace: 'other' });
      expect((await world.api.request('DELETE', `/jobs/${before}`, { key })).status).toBe(403);
      const rename = { key, body: { name: 'Mine now' } };
      expect((await world.api.request('PATCH', `/tenants/${tenant.tenantId}`, rename)).status).toBe(403);
      const mint = { key, body: { name: 'third' } };
      const minted = await world.api.request('POST', `/tenants/${tenant.tenantId}/api-keys`, mint);
      expect(minted.status).toBe(403);
      const worker = await crew.start();
      for (const jobId of [before, after]) {
        const job = await world.until(tenant, jobId);
        expect(job).toMatchObject({ status: 'cancelled', attempt: 0, failure: { code: 'key_revoked' } });
        expect(job.agent_started_at).toBeUndefined();
        // The worker writes it when the record says so already.
        await eventually(() => canonicalLines(worker, jobId).length > 0);
        expect(canonicalLines(worker, jobId)).toMatchObject([
          { settled: 'ended', status: 'cancelled', failure: 'key_revoked', tenant_id: tenant.tenantId },
        ]);
      }
      await crew.dismiss();
    }
    shown(22, 3 * SCALE);
  }, 600_000);

  test('races the claim of its job: cancelled and never started, or run to its end', async () => {
    await Promise.all([crew.start(), crew.start()]);
    const rounds = 5 * SCALE;
    const outcomes = new Set<string>();
    for (let round = 0; round < rounds; round += 1) {
      const tenant = await world.tenant();
      const { key, id } = await cachedKey(tenant);
      const [jobId] = await Promise.all([
        world.submit({ ...tenant, apiKey: key }, 'echo run'),
        Bun.sleep(Math.random() * 60).then(() => revoke(tenant, id)),
      ]);
      const job = await world.until(tenant, jobId);
      expect(['succeeded', 'cancelled']).toContain(job.status);
      expect(job.agent_started_at === undefined).toBe(job.status === 'cancelled');
      outcomes.add(job.status);
    }
    expect(outcomes.size).toBeGreaterThan(0);
    shown(22, rounds);
  }, 600_000);
});
