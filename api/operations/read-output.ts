import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { OutpostError } from '../../shared/errors.ts';
import type { JobRecord } from '../../shared/model/job.ts';
import { type RawOutput, readRawFromEvents, readRawObject } from '../../shared/output/read-raw.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import type { ApiDeps } from '../deps.ts';

export type Output =
  | { readonly kind: 'inline'; readonly raw: RawOutput }
  /** Too large for an answer: where to fetch it, for five minutes. */
  | { readonly kind: 'redirect'; readonly url: string };

/** Lambda answers 6 MB at most, base64 included. */
const INLINE_MAX_BYTES = 4 * 1024 * 1024;
const URL_SECONDS = 300;

/**
 * The raw output of a job's last attempt: what the agent wrote to stdout and stderr, secrets redacted. While
 * the job runs, what there is so far. Throws output_not_ready before the first attempt,
 * range_not_satisfiable.
 */
export async function readOutput(deps: ApiDeps, job: JobRecord, range: string | undefined): Promise<Output> {
  const key = job.output_location;
  if (key === null) {
    if (job.attempt === 0) throw new OutpostError('output_not_ready', 'No agent has run for this job.');
    const reread = async () => (await getJob(deps.store, job.tenant_id, job.job_id)) ?? null;
    return { kind: 'inline', raw: readRawFromEvents(deps.outputs, job, reread) };
  }
  if (range === undefined && (job.output_bytes ?? 0) > INLINE_MAX_BYTES) {
    const command = new GetObjectCommand({
      Bucket: deps.outputs.bucket,
      Key: key,
      ResponseContentType: 'text/plain; charset=utf-8',
      ResponseContentDisposition: `attachment; filename="${job.job_id}.txt"`,
    });
    return {
      kind: 'redirect',
      url: await getSignedUrl(deps.outputs.s3, command, { expiresIn: URL_SECONDS }),
    };
  }
  try {
    return { kind: 'inline', raw: await readRawObject(deps.outputs, key, range) };
  } catch (error) {
    if (error instanceof Error && error.name === 'InvalidRange') {
      throw new OutpostError('range_not_satisfiable', `The output has ${job.output_bytes ?? 0} bytes.`);
    }
    throw error;
  }
}
