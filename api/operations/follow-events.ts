import { eventId, type JobEvent } from '../../shared/model/event.ts';
import { isTerminal, type JobRecord } from '../../shared/model/job.ts';
import { readEvents } from '../../shared/output/read-events.ts';
import { pause } from '../../shared/pause.ts';
import { getJob } from '../../shared/store/jobs/get-job.ts';
import type { ApiDeps } from '../deps.ts';

/** What a follower is given: events in order, and nothing for a while (so that the connection is kept alive). */
export type Followed = { readonly kind: 'event'; readonly event: JobEvent } | { readonly kind: 'idle' };

const PAGE_BYTES = 256 * 1024;
/** A job that has just been submitted soon begins: whoever comes now looks often at first. */
const FIRST_POLL_MS = 50;
const POLL_MS = 250;
const POLL_MAX_MS = 1_000;
/** How often a stream asks whether its reader may still read: it can stay open for hours. */
const RECHECK_MS = 60_000;

/**
 * The events of a job after `afterId`, live, each once and in order, ending with `end`. Returns without `end`
 * when `until` (monotonic milliseconds) has passed, the signal is aborted or the reader may read no more: the
 * client continues from the last id that it saw.
 */
export async function* followEvents(
  deps: ApiDeps,
  job: JobRecord,
  afterId: number,
  options: { until: number; signal: AbortSignal; mayRead: () => Promise<boolean> },
): AsyncGenerator<Followed> {
  let current: JobRecord = job;
  let position = afterId;
  let wait = FIRST_POLL_MS;
  let checkedAt = deps.clock.monotonic();
  const reread = async (): Promise<JobRecord | null> =>
    (await getJob(deps.store, job.tenant_id, job.job_id)) ?? null;

  while (!options.signal.aborted) {
    if (deps.clock.monotonic() - checkedAt >= RECHECK_MS) {
      if (!(await options.mayRead())) return;
      checkedAt = deps.clock.monotonic();
    }
    const page = await readEvents(deps.outputs, current, reread, position, PAGE_BYTES);
    for (const event of page.events) yield { kind: 'event', event };
    position = page.afterId;
    if (page.state === 'complete' || page.state === 'incomplete') {
      yield { kind: 'event', event: endEvent(current) };
      return;
    }
    if (page.state === 'waiting') {
      if (page.events.length === 0) yield { kind: 'idle' };
      if (page.events.length > 0) wait = POLL_MS;
      const left = options.until - deps.clock.monotonic();
      if (left <= 0) return;
      await pause(Math.min(wait, left), options.signal);
      wait = Math.min(wait * 1.5, POLL_MAX_MS);
    }
    const fresh = await reread();
    if (fresh === null) return;
    current = fresh;
  }
}

/**
 * The end of a job's stream, derived from its record, so that it is the same for every reader: its id comes
 * right after the last event that counts.
 */
function endEvent(job: JobRecord): JobEvent {
  if (!isTerminal(job.status)) throw new Error('a job that has not ended has no end event');
  const last = job.attempt === 0 ? 0 : (job.sealed[job.attempt] ?? eventId(job.attempt, 0));
  return {
    id: last + 1,
    at: job.completed_at ?? job.created_at,
    type: 'end',
    status: job.status,
    exit_code: job.exit_code,
    failure: job.failure,
  };
}
