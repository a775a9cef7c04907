import process from 'node:process';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { EnvError, readEnv } from '../../shared/env.ts';
import { describeError } from '../../shared/errors.ts';
import { armFromEnv } from '../../shared/failpoint-text.ts';
import { pause } from '../../shared/pause.ts';
import type { QueueId } from '../../shared/queues.ts';
import { reconcile } from '../billing/reconcile.ts';
import { runBilling } from '../billing/run-billing.ts';
import { type ApiDeps, createApiDeps, readApiEnv } from '../deps.ts';
import { judgeDeadLetter } from '../operations/judge-dead-letter.ts';
import { startDedicated } from '../operations/start-dedicated.ts';
import { rotateSecretStep } from '../operations/rotate-secret-step.ts';
import { sweep } from '../operations/sweep.ts';
import { writeAuditEntry } from '../operations/write-audit-entries.ts';
import { createDedicatedTasks } from '../runtime/dedicated-tasks.ts';

/**
 * The scheduled and queue-driven functions in one process, for one machine: what EventBridge and Lambda's
 * event source mappings do on AWS. GET /health says that it runs; SIGTERM ends it cleanly.
 */
const LONG_POLL_SECONDS = 20;
const SECONDS_A_DAY = 86_400;
const PAUSE_AFTER_FAILURE_MS = 1_000;
/** The rotation function's name, as the last part of OUTPOST_ROTATION_FUNCTION_ARN. */
const ROTATION_FUNCTION = 'outpost-rotation-local';

const stopped = new AbortController();

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function serve(): Promise<void> {
  const { OUTPOST_SWEEP_SECONDS, OUTPOST_BILLING_SECONDS, OUTPOST_FUNCTIONS_PORT, ...env } = readEnv(
    process.env,
    ['OUTPOST_SWEEP_SECONDS', 'OUTPOST_BILLING_SECONDS', 'OUTPOST_FUNCTIONS_PORT', 'OUTPOST_ENV'],
    ['OUTPOST_FAILPOINTS'],
  );
  armFromEnv(env, {
    kill: () => void process.kill(process.pid, 'SIGKILL'),
    stop: () => void process.kill(process.pid, 'SIGSTOP'),
  });
  const deps = await createApiDeps(readApiEnv(process.env), {
    write: print,
    streaming: false,
    billing: true,
  });
  const tasks = createDedicatedTasks(process.env, deps.settings.environment);
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: OUTPOST_FUNCTIONS_PORT,
    fetch: (request) => answer(deps, request),
  });
  process.on('SIGTERM', () => stopped.abort());
  process.on('SIGINT', () => stopped.abort());
  print(JSON.stringify({ endpoint: `http://127.0.0.1:${server.port}`, pid: process.pid }));
  await Promise.all([
    every(deps, OUTPOST_SWEEP_SECONDS, 'sweep', async () => {
      const { due, sent } = await sweep(deps);
      if (due > 0) deps.log.info('sweep', { due, sent });
    }),
    every(deps, OUTPOST_BILLING_SECONDS, 'billing', () => runBilling(deps)),
    every(deps, SECONDS_A_DAY, 'reconciliation', async () => {
      if (deps.billing !== undefined) await reconcile(deps, deps.billing);
    }),
    consume(deps, 'audit', async (body) => {
      await writeAuditEntry(deps.store, body);
      return true;
    }),
    consume(deps, 'dedicated', async (body, token) => {
      await startDedicated(deps, tasks, { body, token });
      return true;
    }),
    consume(deps, 'dead', async (body) => {
      const judgement = await judgeDeadLetter(deps, body);
      deps.log.info('dead_letter', { judgement });
      return judgement !== 'kept';
    }),
  ]);
  await server.stop(true);
  process.exit(0);
}

/** Health, and the functions that another service calls: here local Secrets Manager calls the rotation. */
async function answer(deps: ApiDeps, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === '/health') return Response.json({ status: 'ok' });
  if (request.method !== 'POST' || pathname !== `/${ROTATION_FUNCTION}`)
    return new Response(null, { status: 404 });
  try {
    await rotateSecretStep(deps, await request.json());
    return Response.json({});
  } catch (error) {
    deps.log.warn('rotation.failed', describeError(error));
    return new Response(null, { status: 500 });
  }
}

/** Runs a function on a schedule, as EventBridge does; a failure is logged and the next run comes. */
async function every(deps: ApiDeps, seconds: number, name: string, run: () => Promise<void>): Promise<void> {
  while (!stopped.signal.aborted) {
    try {
      await run();
    } catch (error) {
      deps.log.error(`${name}.failed`, describeError(error));
    }
    await pause(seconds * 1000, stopped.signal);
  }
}

/**
 * Hands each message of a queue to a function and deletes it when that is done with it, as Lambda does; one that
 * it is not done with comes back when its visibility ends.
 */
async function consume(
  deps: ApiDeps,
  queue: QueueId,
  handle: (body: string, id: string) => Promise<boolean>,
): Promise<void> {
  const { client, urls } = deps.queues;
  while (!stopped.signal.aborted) {
    try {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: urls[queue],
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: LONG_POLL_SECONDS,
        }),
        { abortSignal: stopped.signal },
      );
      await Promise.all(
        Messages.map(async ({ Body = '', MessageId = '', ReceiptHandle }) => {
          if (await handle(Body, MessageId))
            await client.send(new DeleteMessageCommand({ QueueUrl: urls[queue], ReceiptHandle }));
        }),
      );
    } catch (error) {
      if (stopped.signal.aborted) return;
      deps.log.error('function.failed', { queue, ...describeError(error) });
      await pause(PAUSE_AFTER_FAILURE_MS, stopped.signal);
    }
  }
}

try {
  await serve();
} catch (error) {
  if (!(error instanceof EnvError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
