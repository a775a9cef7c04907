import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { providerKeySecret } from '../../../shared/secrets/secrets.ts';
import type { Child } from '../../harness/child.ts';
import { shown } from '../../faults/shown.ts';
import { eventually } from '../launcher/probe.ts';
import { HOOK_MS, isRunning, longSleep, outputText, startWorld } from './fixture.ts';
import type { World } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let worker: Child;

beforeAll(async () => {
  world = await startWorld();
  worker = await world.startWorker();
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);

const types = (events: { type: string }[]): string[] => events.map((event) => event.type);

describe('a worker', () => {
  test('runs a job from the queue to its end', async () => {
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, 'echo out; echo err >&2; pwd; exit 0');
    const job = await world.until(tenant, jobId);
    expect(job).toMatchObject({ status: 'succeeded', exit_code: 0, failure: null, attempt: 1, usage: null });
    const events = await world.events(tenant, jobId);
    expect(types(events)[0]).toBe('status');
    expect(outputText(events)).toContain(`/workspaces/${tenant.tenantId}/default`);
    const output = await world.api.request('GET', `/jobs/${jobId}/output`, { key: tenant.apiKey });
    const text = await output.text();
    expect(text).toBe(outputText(events));
    expect(job.output_bytes).toBe(text.length);
  });

  test('takes a failed exit for a failed job, once', async () => {
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, 'echo no; exit 3');
    const job = await world.until(tenant, jobId);
    expect(job).toMatchObject({
      status: 'failed',
      exit_code: 3,
      attempt: 1,
      failure: { code: 'agent_error' },
    });
    shown(13, 1);
  });

  test('repeats a failed agent as often as the job asks, in one stream', async () => {
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, 'echo try; exit 1', { max_attempts: 3 });
    const job = await world.until(tenant, jobId);
    expect(job).toMatchObject({ status: 'failed', attempt: 3, agent_failures: 2, platform_failures: 0 });
    const events = await world.events(tenant, jobId);
    expect(outputText(events)).toBe('try\ntry\ntry\n');
    const statuses = events.flatMap((event) => (event.type === 'status' ? [event.status] : []));
    expect(statuses).toEqual(['running', 'retrying', 'running', 'retrying', 'running']);
    shown(13, 1);
  });

  test('ends an agent that runs too long, with everything it started', async () => {
    const napping = longSleep();
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, `(setsid ${napping} &) ; ${napping}`, { timeout_seconds: 2 });
    const job = await world.until(tenant, jobId);
    expect(job).toMatchObject({ status: 'timed_out', failure: { code: 'timed_out' } });
    expect(await isRunning(napping)).toBe(false);
  });

  test('cancels a running job with its escapees within 10 s', async () => {
    const napping = longSleep();
    const tenant = await world.tenant();
    const script = `trap "" TERM; echo up; setsid ${napping} & (setsid sh -c "${napping}" &); while :; do sleep 1; done`;
    const jobId = await world.submit(tenant, script);
    await world.until(tenant, jobId, (job) => job.agent_started_at !== undefined);
    await eventually(() => isRunning(napping));
    const asked = performance.now();
    expect((await world.cancel(tenant, jobId)).status).toBe(202);
    await eventually(async () => !(await isRunning(napping)));
    expect(performance.now() - asked).toBeLessThan(10_000);
    const job = await world.until(tenant, jobId);
    expect(job).toMatchObject({ status: 'cancelled', failure: { code: 'cancelled' } });
    expect(await isRunning(napping)).toBe(false);
  });

  test('ends a job whose tenant linked its workspace away, and goes on', async () => {
    const tenant = await world.tenant();
    const link = 'cd .. && ln -s /etc linked';
    expect(await world.until(tenant, await world.submit(tenant, link))).toMatchObject({
      status: 'succeeded',
    });
    const refused = await world.until(tenant, await world.submit(tenant, 'ls', { workspace: 'linked' }));
    expect(refused).toMatchObject({
      status: 'failed',
      failure: { code: 'workspace_refused' },
      attempt: 1,
      platform_failures: 0,
    });
    expect(refused.agent_started_at).toBeUndefined();
    expect(await world.until(tenant, await world.submit(tenant, 'true'))).toMatchObject({
      status: 'succeeded',
    });
  });

  test('refuses to run without the tenant’s key, and hides the key it runs with', async () => {
    const tenant = await world.tenant();
    const without = await world.until(tenant, await world.submit(tenant, 'env', { agent: 'keyed' }));
    expect(without).toMatchObject({ status: 'failed', failure: { code: 'provider_key_missing' } });
    expect(without.agent_started_at).toBeUndefined();

    const other = await world.tenant();
    const key = 'sk-proj-0123456789abcdefghijklmnop';
    await world.aws.secrets.client.send(
      new CreateSecretCommand({ Name: providerKeySecret(other.tenantId, 'openai'), SecretString: key }),
    );
    const jobId = await world.submit(other, 'env; printf %s "$OPENAI_API_KEY" | base64', { agent: 'keyed' });
    expect(await world.until(other, jobId)).toMatchObject({ status: 'succeeded' });
    const text = outputText(await world.events(other, jobId));
    expect(text).toContain('OPENAI_API_KEY=[redacted]');
    expect(text).not.toContain(key);
    expect(text).not.toContain(Buffer.from(key).toString('base64').slice(0, 20));
    expect(JSON.stringify(worker.logs())).not.toContain(key);
  });

  test('leaves nothing of a job in the next one’s HOME or /tmp', async () => {
    const tenant = await world.tenant();
    const first = 'touch "$HOME/left" "$TMPDIR/left" kept; touch "/tmp/left-$(id -u)"; ls /tmp/left-$(id -u)';
    const job = await world.until(tenant, await world.submit(tenant, first));
    expect(job.status).toBe('succeeded');
    const jobId = await world.submit(tenant, 'ls "$HOME" "$TMPDIR" /tmp/left-$(id -u) 2>&1; ls');
    await world.until(tenant, jobId);
    const text = outputText(await world.events(tenant, jobId));
    expect(text).not.toContain('left\n');
    expect(text).toContain('kept');
  });

  test('says how it is, and keeps one line a job', async () => {
    const tenant = await world.tenant();
    const jobId = await world.submit(tenant, 'sleep 4');
    await world.until(tenant, jobId, (job) => job.agent_started_at !== undefined);
    const busy: unknown = await (await fetch(`${worker.endpoint}/health`)).json();
    expect(busy).toMatchObject({ live: true, ready: true, current_job: { job_id: jobId } });
    // Waits for the workspace, and is cancelled before any worker has it.
    const waiting = await world.submit(tenant, 'true');
    expect((await world.cancel(tenant, waiting)).status).toBe(200);
    await world.until(tenant, jobId);
    await eventually(async () => {
      const idle: unknown = await (await fetch(`${worker.endpoint}/health`)).json();
      return typeof idle === 'object' && idle !== null && 'current_job' in idle && idle.current_job === null;
    });
    const lines = worker.logs().filter((line) => line['event'] === 'job.attempt' && line['job_id'] === jobId);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ settled: 'ended', status: 'succeeded', tenant_id: tenant.tenantId });
    const cancelled = [...world.api.logs(), ...worker.logs()].filter((line) => line['job_id'] === waiting);
    expect(cancelled.filter((line) => line['settled'] === 'ended')).toMatchObject([
      { event: 'job.attempt', status: 'cancelled', attempt: 0, tenant_id: tenant.tenantId },
    ]);
    const metrics = worker.logs().filter((line) => '_aws' in line);
    expect(metrics.some((line) => typeof line['QueueAge'] === 'number')).toBe(true);
    expect(metrics.some((line) => typeof line['RunTime'] === 'number' && line['agent'] === 'sh')).toBe(true);
  });
});
