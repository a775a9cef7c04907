import { afterAll, afterEach, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { join } from 'node:path';
import { newUlid } from '../../shared/ids.ts';
import { sendDeadLetter } from '../../shared/queue/send-job.ts';
import { outpostEnv } from '../harness/outpost.ts';
import {
  HOOK_MS,
  type Crew,
  hasDied,
  leasesEnd,
  hire,
  outputText,
  startWorld,
  type World,
} from '../worker/loop/fixture.ts';
import { shown } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;

beforeAll(async () => {
  world = await startWorld();
  crew = hire(world);
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

/** `bun run redrive` against this world; what it printed. */
const redrive = async (): Promise<string> => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '../../cli/redrive.ts')], {
    env: { PATH: process.env['PATH'] ?? '', ...outpostEnv(world.local) },
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const printed = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return printed;
};

/** The letters of the dead-letter queue, whoever may be looking at them. */
const letters = async (): Promise<number> => {
  const { client, urls } = world.aws.queues;
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl: urls.dead,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
};

test('a redrive makes a new attempt of what is unfinished and leaves alone what has ended (fault 14)', async () => {
  const tenant = await world.tenant();

  const worker = await crew.start();
  const endedId = await world.submit(tenant, 'echo ended; exit 3', { workspace: 'ended' });
  const ended = await world.until(tenant, endedId);
  expect(ended).toMatchObject({ status: 'failed', attempt: 1 });
  await worker.kill();

  const lostId = await world.submit(tenant, 'echo run', { workspace: 'lost' });
  await hasDied(await crew.start({ OUTPOST_FAILPOINTS: 'worker.after_launch=kill' }));
  const held = await world.job(tenant, lostId);
  expect(held).toMatchObject({ status: 'running', attempt: 1 });

  // No sweeper runs here: only the letters speak of these jobs.
  const messages = [held, ended, { ...ended, job_id: newUlid() }];
  for (const message of messages) await sendDeadLetter(world.aws.queues, message);
  await leasesEnd(world);
  expect(await redrive()).toEndWith('1 sent again, 0 running, 2 kept\n');
  expect(await letters()).toBe(2);

  await crew.start();
  const again = await world.until(tenant, lostId);
  expect(again).toMatchObject({ status: 'succeeded', attempt: 2, platform_failures: 1 });
  expect(outputText(await world.events(tenant, lostId))).toEndWith('run\n');
  expect(await world.job(tenant, endedId)).toEqual(ended);
  shown(14, messages.length);
}, 600_000);
