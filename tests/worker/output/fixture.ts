import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClock } from '../../../shared/clock.ts';
import { newUlid, newUuid } from '../../../shared/ids.ts';
import { createLog } from '../../../shared/log.ts';
import type { Log } from '../../../shared/log.ts';
import type { JobEvent } from '../../../shared/model/event.ts';
import type { OutputStore } from '../../../shared/output/chunks.ts';
import { readEvents } from '../../../shared/output/read-events.ts';
import type { ReadableJob } from '../../../shared/output/read-events.ts';
import type { OutputParser } from '../../../worker/agents/parser.ts';
import { createPipeline } from '../../../worker/output/pipeline.ts';
import type { Pipeline, PipelineOptions } from '../../../worker/output/pipeline.ts';
import type { LocalAws } from '../../harness/local-aws.ts';

/** A bucket of its own on local AWS. */
export const outputStore = async (aws: LocalAws): Promise<OutputStore> => {
  const s3 = new S3Client({ ...aws.clientConfig, maxAttempts: 1 });
  const bucket = `output-${newUuid()}`;
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  return { s3, bucket };
};

/** Knows one kind of line: `say <text>` is a message, `done` is the verdict. */
const sayParser = (): OutputParser => {
  let done = false;
  return {
    stdout: (line) => {
      if (line === 'done') done = true;
      return line.startsWith('say ') ? [{ type: 'message', text: line.slice(4) }] : [];
    },
    stderr: () => [],
    finish: () => ({
      verdict: done ? { ok: true } : null,
      usage: done ? { input_tokens: 7, output_tokens: 9, cost_usd: null } : null,
    }),
  };
};

const silentLog: Log = createLog(() => undefined);

export type TestPipeline = Pipeline & {
  readonly tenantId: string;
  readonly jobId: string;
  readonly folder: string;
  holdLease(held: boolean): void;
};

export const testPipeline = (store: OutputStore, options: Partial<PipelineOptions> = {}): TestPipeline => {
  let held = true;
  const identity = { tenantId: newUuid(), jobId: newUlid() };
  const folder = mkdtempSync(join(tmpdir(), 'outpost-output-'));
  const deps = { store, clock: createClock(), isLeaseHeld: () => held, log: silentLog };
  const pipeline = createPipeline(deps, {
    ...identity,
    attempt: 1,
    secrets: [],
    parser: sayParser(),
    folder,
    capBytes: 64 * 1024 * 1024,
    ...options,
  });
  return { ...pipeline, ...identity, folder, holdLease: (value) => void (held = value) };
};

/** A pipe that yields these chunks, each in a turn of its own, and ends. */
export const pipeOf = (chunks: Iterable<Uint8Array | string>): ReadableStream<Uint8Array> => {
  const iterator = chunks[Symbol.iterator]();
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(0);
      const { value, done } = iterator.next();
      if (done === true) return controller.close();
      if (value.length > 0) controller.enqueue(Buffer.from(value));
      else await this.pull?.(controller);
    },
  });
};

export const readableJob = (
  job: { tenantId: string; jobId: string },
  state: Partial<ReadableJob>,
): ReadableJob => ({
  tenant_id: job.tenantId,
  job_id: job.jobId,
  status: 'succeeded',
  attempt: 1,
  sealed: {},
  ...state,
});

/** Every event of a job that no longer changes. */
export const allEvents = async (
  store: OutputStore,
  job: ReadableJob,
  limit = 100_000,
): Promise<JobEvent[]> => {
  const events: JobEvent[] = [];
  for (let afterId = 0; ;) {
    const page = await readEvents(store, job, () => Promise.resolve(job), afterId, limit);
    events.push(...page.events);
    afterId = page.afterId;
    if (page.state !== 'more') return events;
  }
};
