import { afterAll, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { eventually } from '../launcher/probe.ts';
import { HOOK_MS, hasStarted, startWorld } from './fixture.ts';
import type { World } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);

type Asked = { readonly method: string; readonly path: string; readonly state: unknown };

/** What ECS puts beside a task, as far as the worker uses it. */
const startEcsAgent = (status = 200) => {
  const asked: Asked[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      asked.push({ method: request.method, path: pathname, state: await request.json() });
      return Response.json({ protection: {} }, { status });
    },
  });
  return { uri: `http://127.0.0.1:${server.port}/api/abc`, asked, stop: () => server.stop(true) };
};

const protect = (state: object): Asked => ({
  method: 'PUT',
  path: '/api/abc/task-protection/v1/state',
  state,
});

test('a worker protects its task from scale-in exactly while it is busy', async () => {
  const agent = startEcsAgent();
  const worker = await world.startWorker({ ECS_AGENT_URI: agent.uri });
  const tenant = await world.tenant();
  expect(agent.asked).toEqual([]);
  const jobId = await world.submit(tenant, 'sleep 1', { timeout_seconds: 120 });
  await hasStarted(world, tenant, jobId);
  await eventually(() => agent.asked.length === 1);
  expect(agent.asked).toEqual([protect({ ProtectionEnabled: true, ExpiresInMinutes: 12 })]);
  await world.until(tenant, jobId);
  await eventually(() => agent.asked.length === 2);
  expect(agent.asked[1]).toEqual(protect({ ProtectionEnabled: false }));
  expect(await worker.stop()).toBe(0);
  await agent.stop();
});

test('a refused protection is a warning, and the job runs', async () => {
  const agent = startEcsAgent(429);
  const worker = await world.startWorker({ ECS_AGENT_URI: agent.uri });
  const tenant = await world.tenant();
  const job = await world.until(tenant, await world.submit(tenant, 'true'));
  expect(job).toMatchObject({ status: 'succeeded' });
  await eventually(() => worker.logs().some((line) => line['event'] === 'worker.task_protection_failed'));
  expect(await worker.stop()).toBe(0);
  await agent.stop();
});
