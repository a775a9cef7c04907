import { afterAll, afterEach, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { providerKeySecret } from '../../../shared/secrets/secrets.ts';
import { receiveJobs } from '../../../shared/queue/receive-jobs.ts';
import { sendJob } from '../../../shared/queue/send-job.ts';
import { endsOf } from '../../faults/ends.ts';
import { SCALE, shown } from '../../faults/shown.ts';
import { eventually, LONG_TEST_MS } from '../launcher/probe.ts';
import {
  HOOK_MS,
  expectNoGap,
  hasStarted,
  hasWritten,
  hire,
  outputText,
  startWorld,
  TAKEOVER_MS,
} from './fixture.ts';
import type { Crew, World } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;

beforeAll(async () => {
  world = await startWorld({ functions: true });
  crew = hire(world);
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

describe('AWS in trouble', () => {
  test(
    'fifty deliveries of one message are one run (fault 4)',
    async () => {
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, 'echo once; sleep 2');
      const message = { tenant_id: tenant.tenantId, job_id: jobId, priority: 'normal' as const };
      await Promise.all(Array.from({ length: 50 }, () => sendJob(world.aws.queues, message)));
      await Promise.all([crew.start(), crew.start()]);
      expect(await world.until(tenant, jobId)).toMatchObject({ status: 'succeeded', attempt: 1 });
      expect((await world.events(tenant, jobId)).filter((event) => event.type === 'status')).toHaveLength(1);
      shown(4, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'throttling, errors after the commit and lost replies cost nothing (faults 7, 8)',
    async () => {
      const tenant = await world.tenant();
      const submissions = Array.from({ length: 6 }, (_, n) =>
        world.submit(tenant, `echo ${n}`, { workspace: `w${n}` }),
      );
      const jobs = await Promise.all(submissions);
      await world.local.faults.set([
        { service: 'dynamodb', probability: 0.3, seed: 1, fault: { kind: 'throttle' } },
        {
          service: 'dynamodb',
          probability: 0.1,
          seed: 2,
          fault: { kind: 'error_after', status: 500, code: 'InternalServerError' },
        },
        {
          service: 'sqs',
          operation: 'SendMessage',
          probability: 0.2,
          seed: 3,
          fault: { kind: 'drop_reply' },
        },
      ]);
      const worker = await crew.start();
      // The worker's word for it: this process's own reads would fail as well.
      const settled = () =>
        worker.logs().filter((line) => line['event'] === 'job.attempt' && line['settled'] === 'ended');
      await eventually(() => settled().length >= jobs.length, LONG_TEST_MS / 2);
      const [throttled, failed] = await world.local.faults.list();
      await world.local.faults.clear();
      for (const [n, jobId] of jobs.entries()) {
        expect(await world.job(tenant, jobId)).toMatchObject({ status: 'succeeded' });
        const events = await world.events(tenant, jobId);
        expectNoGap(events);
        expect(outputText(events)).toEndWith(`${n}\n`);
      }
      const ends = await endsOf(world.aws.store, tenant.tenantId);
      expect(ends).toEqual(new Map(jobs.map((jobId) => [`jobs/${jobId}`, 1])));
      shown(7, throttled?.hits ?? 0);
      shown(8, failed?.hits ?? 0);
    },
    LONG_TEST_MS,
  );

  test(
    'an outage of S3 in mid-stream leaves no gap (fault 9)',
    async () => {
      await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, 'for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.5; done');
      await hasStarted(world, tenant, jobId);
      await world.local.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
      await Bun.sleep(SCALE === 1 ? 5_000 : 60_000);
      await world.local.faults.clear();
      const job = await world.until(tenant, jobId);
      expect(job.status).toBe('succeeded');
      const events = await world.events(tenant, jobId);
      expectNoGap(events);
      expect(outputText(events)).toBe([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `line ${n}\n`).join(''));
      shown(9, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'an outage of S3 when a job is taken from a dead worker counts nothing',
    async () => {
      const doomed = await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, 'echo begun; [ -e again ] && exit 0; touch again; sleep 7785');
      await hasWritten(world, tenant, jobId, 'begun');
      await world.local.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
      await doomed.kill();
      await crew.start();
      // Given back more often than the platform may fail.
      await world.until(tenant, jobId, (job) => job.attempt > 3, 2 * TAKEOVER_MS);
      await world.local.faults.clear();
      const job = await world.until(tenant, jobId);
      expect(job).toMatchObject({ status: 'succeeded', platform_failures: 1 });
      const events = await world.events(tenant, jobId);
      expectNoGap(events);
      expect(outputText(events)).toBe('begun\nbegun\n');
    },
    LONG_TEST_MS,
  );

  test(
    'a hanging Secrets Manager never lets an agent start without its key (fault 10)',
    async () => {
      const tenant = await world.tenant();
      const name = providerKeySecret(tenant.tenantId, 'openai');
      await world.aws.secrets.client.send(
        new CreateSecretCommand({ Name: name, SecretString: 'sk-proj-aaaaaaaaaaaaaaaaaaaa' }),
      );
      await world.local.faults.set([{ service: 'secretsmanager', fault: { kind: 'hang', ms: 120_000 } }]);
      await crew.start();
      const jobId = await world.submit(tenant, 'test -n "$OPENAI_API_KEY"', { agent: 'keyed' });
      const back = await world.until(tenant, jobId, (job) => job.attempt > 0 && job.status === 'pending');
      expect(back.agent_started_at).toBeUndefined();
      await world.local.faults.clear();
      expect(await world.until(tenant, jobId)).toMatchObject({ status: 'succeeded' });
      shown(10, 1);
    },
    LONG_TEST_MS,
  );

  test(
    'a message that is no job ends among the dead letters, and the queue moves (fault 12)',
    async () => {
      const { client, urls } = world.aws.queues;
      await client.send(new SendMessageCommand({ QueueUrl: urls.normal, MessageBody: 'poison' }));
      // Two workers that came to nothing.
      for (let receive = 0; receive < 2; receive += 1) {
        const once = { max: 1, waitSeconds: 5, visibilitySeconds: 0 };
        expect(await receiveJobs(world.aws.queues, 'normal', once)).toHaveLength(1);
      }
      const worker = await crew.start();
      const tenant = await world.tenant();
      expect(await world.until(tenant, await world.submit(tenant, 'echo on'))).toMatchObject({
        status: 'succeeded',
      });
      const poisoned = worker.logs().filter((line) => line['event'] === 'worker.poison_message');
      expect(poisoned).toHaveLength(1);
      expect(poisoned[0]).toMatchObject({ receives: 3 });
      const deadLetters = async (): Promise<number> => {
        const { Attributes = {} } = await client.send(
          new GetQueueAttributesCommand({
            QueueUrl: urls.dead,
            AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
          }),
        );
        return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
      };
      await eventually(async () => (await deadLetters()) === 1);
      expect(worker.logs().filter((line) => line['event'] === 'worker.poison_message')).toHaveLength(1);
      shown(12, 1);
    },
    LONG_TEST_MS,
  );
});
