import type { Server } from '../measure/start-process.ts';

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
