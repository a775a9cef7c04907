import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createDedicatedTasks } from '../../../api/runtime/dedicated-tasks.ts';
import { createEcs } from '../../../api/runtime/ecs.ts';
import { serveTasks, type Task, type TaskServer } from '../../../cli/start/tasks.ts';
import { newUlid } from '../../../shared/ids.ts';
import { type LocalAws, startLocalAws } from '../../harness/local-aws.ts';
import { outpostEnv } from '../../harness/outpost.ts';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** RunTask from the function's own client through local AWS to what runs tasks on one machine. */
let local: LocalAws;
let server: TaskServer;
let ran: Task[];
let turn: PromiseWithResolvers<void>;

beforeAll(async () => {
  ran = [];
  turn = Promise.withResolvers<void>();
  server = serveTasks(async (task) => {
    ran.push(task);
    await turn.promise;
  });
  local = await startLocalAws({ env: { OUTPOST_LOCAL_TASKS_URL: server.url } });
});
afterAll(async () => {
  await local.stop();
  await server.stop();
});

const start = (tenantId: string, jobId: string, token: string = crypto.randomUUID()): Promise<void> =>
  createDedicatedTasks(outpostEnv(local), 'local').start({ tenantId, jobId, token });

const ranOf = (tenantId: string): string[] =>
  ran.filter((task) => task.tenantId === tenantId).map(({ jobId }) => jobId);

describe('a task', () => {
  test('is run once a token, one after the other of a tenant, each job in line once', async () => {
    const [tenant, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const [first, second] = [newUlid(), newUlid()];
    const token = crypto.randomUUID();
    await start(tenant, first, token);
    await start(tenant, first, token);
    await start(tenant, second);
    await start(tenant, second);
    await start(other, first);
    expect(ranOf(tenant)).toEqual([first]);
    expect(ranOf(other)).toEqual([first]);
    turn.resolve();
    await Bun.sleep(0);
    await start(other, second);
    expect(ranOf(tenant)).toEqual([first, second]);
  });

  test('of no tenant and of no job is refused by what runs tasks', async () => {
    await expect(start('not-a-tenant', newUlid())).rejects.toThrow('answered 400');
    await expect(start(crypto.randomUUID(), 'not-a-job')).rejects.toThrow('answered 400');
  });
});

describe('local ECS', () => {
  test('refuses a call that is not signed with its credentials', async () => {
    const env = { ...outpostEnv(local), AWS_SECRET_ACCESS_KEY: 'another secret' };
    await expect(createEcs(env)('DescribeServices', { cluster: 'c', services: ['s'] })).rejects.toThrow(
      'InvalidSignatureException',
    );
  });

  test('names an operation and a parameter that it does not implement', async () => {
    const call = createEcs(outpostEnv(local));
    await expect(call('StopTask', {})).rejects.toThrow('StopTask');
    const described = { cluster: 'c', services: ['s'], include: ['TAGS'] };
    await expect(call('DescribeServices', described)).rejects.toThrow('include');
  });

  test('runs no task where nothing does', async () => {
    const alone = await startLocalAws();
    try {
      const tasks = createDedicatedTasks(outpostEnv(alone), 'local');
      await expect(
        tasks.start({ tenantId: crypto.randomUUID(), jobId: newUlid(), token: 'once' }),
      ).rejects.toThrow('OUTPOST_LOCAL_TASKS_URL');
    } finally {
      await alone.stop();
    }
  });
});

test('what runs tasks answers at its secret address alone', async () => {
  expect((await fetch(new URL('/', server.url), { method: 'POST', body: '{}' })).status).toBe(404);
  expect((await fetch(server.url)).status).toBe(404);
});
