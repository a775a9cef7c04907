import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { type Judgement, judgeDeadLetter } from '../api/operations/judge-dead-letter.ts';
import { AWS_OPTIONAL_VARIABLES, AWS_VARIABLES, createAws } from '../shared/deps.ts';
import { readEnv } from '../shared/env.ts';
import { useLocalSystem } from './local-system.ts';

/**
 * `bun run redrive`: looks at every dead letter and judges it by its job's record. A job that is still to be
 * done gets a fresh message and with it a new attempt; one that has ended stays ended, and its letter stays.
 */
const AT_ONCE = 10;
/** Long enough that no letter is looked at twice in one run. */
const HIDDEN_SECONDS = 60;

const SENTENCES: Readonly<Record<Judgement, string>> = {
  resent: 'sent again',
  running: 'is running; letter removed',
  kept: 'has ended or is unknown; letter kept',
};

async function main(): Promise<number> {
  useLocalSystem();
  const env = readEnv(process.env, [...AWS_VARIABLES, 'OUTPOST_RESEND_SECONDS'], AWS_OPTIONAL_VARIABLES);
  const deps = { ...createAws(env), settings: { resendSeconds: env.OUTPOST_RESEND_SECONDS } };
  const { client, urls } = deps.queues;
  const counts: Record<Judgement, number> = { resent: 0, running: 0, kept: 0 };
  for (;;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: urls.dead,
        MaxNumberOfMessages: AT_ONCE,
        VisibilityTimeout: HIDDEN_SECONDS,
      }),
    );
    if (Messages.length === 0) break;
    for (const { Body = '', ReceiptHandle } of Messages) {
      const judgement = await judgeDeadLetter(deps, Body);
      counts[judgement] += 1;
      process.stdout.write(`${Body.slice(0, 200)}: ${SENTENCES[judgement]}\n`);
      if (judgement === 'kept') continue;
      await client.send(new DeleteMessageCommand({ QueueUrl: urls.dead, ReceiptHandle }));
    }
  }
  process.stdout.write(`${counts.resent} sent again, ${counts.running} running, ${counts.kept} kept\n`);
  return 0;
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`redrive: ${error instanceof Error ? error.message : 'failed'}\n`);
  process.exit(1);
}
