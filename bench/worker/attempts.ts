import { type Client, runJob } from '../measure/client.ts';
import type { Server } from '../measure/start-process.ts';
import { until } from '../measure/until.ts';

/** What a worker logged of one attempt. */
export type LoggedAttempt = {
  readonly jobId: string;
  readonly runMs: number;
  readonly queueAgeMs: number;
  readonly outputBytes: number;
};

/** All attempts that these workers have logged, in the order of their ends. */
export const attemptsOf = (workers: readonly Server[]): LoggedAttempt[] =>
  workers.flatMap((worker) =>
    worker
      .logs()
      .filter((line) => line['event'] === 'job.attempt')
      .map((line) => ({
        jobId: String(line['job_id']),
        runMs: Number(line['run_ms']),
        queueAgeMs: Number(line['queue_age_ms']),
        outputBytes: Number(line['output_bytes']),
      })),
  );

/** Resolves when these workers have logged the attempts of all these jobs, which they do last. */
export async function untilLogged(
  workers: readonly Server[],
  jobIds: readonly string[],
  withinMs?: number,
): Promise<LoggedAttempt[]> {
  const wanted = new Set(jobIds);
  let found: LoggedAttempt[] = [];
  await until(
    `the log lines of ${jobIds.length} jobs`,
    () => {
      found = attemptsOf(workers).filter(({ jobId }) => wanted.has(jobId));
      return found.length === jobIds.length;
    },
    withinMs,
  );
  return found;
}

/** Runs a job to its end on this one worker. Throws Error unless it succeeded. */
export async function runLogged(worker: Server, client: Client, body: object): Promise<LoggedAttempt> {
  const { job_id: jobId } = await runJob(client, body);
  const [attempt] = await untilLogged([worker], [jobId]);
  if (attempt === undefined) throw new Error(`${jobId} was not logged`);
  return attempt;
}
