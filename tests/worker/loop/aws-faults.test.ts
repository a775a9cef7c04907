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
  leasesEnd,
  longSleep,
  outputText,
  startWorld,
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

/** A job that an outage kept from its start is delivered again after this long. */
const RETRIED_AFTER_MS = 11_000;
const JOBS_IN_TROUBLE = 6;
/** A message that was received and not claimed. */
const UNCLAIMED_MS = 31_000;

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
      const submitted = await Promise.all(
        Array.from({ length: JOBS_IN_TROUBLE }, async (_, n) => {
          const tenant = await world.tenant();
          return { n, tenant, jobId: await world.submit(tenant, `echo ${n}`) };
        }),
      );
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
      const workers = await Promise.all([crew.start(), crew.start(), crew.start()]);
      // The workers' word for it: this process's own reads would fail as well.
      const settled = () =>
        workers
          .flatMap((worker) => worker.logs())
          .filter((line) => line['event'] === 'job.attempt' && line['settled'] === 'ended');
      // A claim that was committed and never answered for costs its job a lease.
      await eventually(() => settled().length >= submitted.length, LONG_TEST_MS);
      const [throttled, failed] = await world.local.faults.list();
      await world.local.faults.clear();
      for (const { n, tenant, jobId } of submitted) {
        expect(await world.job(tenant, jobId)).toMatchObject({ status: 'succeeded' });
        const events = await world.events(tenant, jobId);
        expectNoGap(events);
        expect(outputText(events)).toEndWith(`${n}\n`);
        expect(await endsOf(world.aws.store, tenant.tenantId)).toEqual(new Map([[`jobs/${jobId}`, 1]]));
      }
      shown(7, throttled?.hits ?? 0);
      shown(8, failed?.hits ?? 0);
    },
    2 * LONG_TEST_MS,
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
      const napping = longSleep();
      const doomed = await crew.start();
      const tenant = await world.tenant();
      const jobId = await world.submit(tenant, `echo begun; [ -e again ] && exit 0; touch again; ${napping}`);
      await hasWritten(world, tenant, jobId, 'begun');
      await world.local.faults.set([{ service: 's3', fault: { kind: 'outage' } }]);
      await doomed.kill();
      await leasesEnd(world);
      await crew.start();
      // Given back more often than the platform may fail. Its message may have come twice: attempts may be skipped here.
      for (let attempt = 2; attempt <= 4; attempt += 1) {
        await world.until(tenant, jobId, (job) => job.status === 'pending' && job.attempt >= attempt);
        await world.local.advance(RETRIED_AFTER_MS);
      }
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
      await world.local.advance(RETRIED_AFTER_MS);
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
      await world.local.advance(UNCLAIMED_MS);
      await eventually(async () => (await deadLetters()) === 1);
      expect(worker.logs().filter((line) => line['event'] === 'worker.poison_message')).toHaveLength(1);
      shown(12, 1);
    },
    LONG_TEST_MS,
  );
});
