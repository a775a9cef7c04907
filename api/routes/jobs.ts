import { type } from 'arktype';
import { invalidField } from '../../shared/errors.ts';
import { Job, JobStatus, publicJob } from '../../shared/model/job.ts';
import { Timestamp, Ulid } from '../../shared/model/primitives.ts';
import { CursorText, LimitText } from '../operations/page.ts';
import { stillAuthenticated } from '../caller.ts';
import { route } from '../http/route.ts';
import { eventStream } from '../http/sse.ts';
import { cancelJob } from '../operations/cancel-job.ts';
import { findJob } from '../operations/find-job.ts';
import { followEvents } from '../operations/follow-events.ts';
import { listTenantJobs } from '../operations/list-jobs.ts';
import { readOutput } from '../operations/read-output.ts';
import { JobRequest, submitJob } from '../operations/submit-job.ts';

const JobPath = type({ job_id: Ulid });

const Submitted = type({ job_id: Ulid, status: "'pending'", estimated_start: Timestamp });

export const submit = route({
  method: 'POST',
  path: '/jobs',
  operationId: 'submitJob',
  tag: 'Jobs',
  summary: 'Submit a job',
  description:
    'Accepts a command for an agent. It runs in the workspace of this tenant, with the provider key that this tenant has stored.',
  access: 'jobs:write',
  action: 'job.create',
  mutation: true,
  replaysFromCommit: true,
  body: JobRequest,
  answers: { 202: { description: 'Accepted: it will run, and nothing can lose it.', schema: Submitted } },
  errors: ['quota_exceeded'],
  example: {
    agent: 'claude',
    command: 'Add a test for the parser',
    workspace: 'default',
    priority: 'normal',
  },
  handle: async ({ deps, caller, body, change, requestId }) => ({
    status: 202,
    body: await submitJob(deps, caller, body, { change, requestId }),
  }),
});

export const list = route({
  method: 'GET',
  path: '/jobs',
  operationId: 'listJobs',
  tag: 'Jobs',
  summary: 'List jobs, newest first',
  access: 'jobs:read',
  action: 'job.list',
  query: type({ '+': 'reject', 'status?': JobStatus, 'cursor?': CursorText, 'limit?': LimitText }),
  answers: {
    200: {
      description: 'A page of jobs.',
      schema: type({ jobs: Job.array(), next_cursor: 'string | null' }),
    },
  },
  handle: async ({ deps, caller, query }) => ({
    status: 200,
    body: await listTenantJobs(deps, caller.tenantId, query),
  }),
});

export const get = route({
  method: 'GET',
  path: '/jobs/:job_id',
  operationId: 'getJob',
  tag: 'Jobs',
  summary: 'Get a job',
  access: 'jobs:read',
  action: 'job.read',
  params: JobPath,
  answers: { 200: { description: 'The job.', schema: Job } },
  errors: ['not_found'],
  handle: async ({ deps, caller, params }) => ({
    status: 200,
    body: publicJob(await findJob(deps, caller.tenantId, params.job_id)),
  }),
});

export const cancel = route({
  method: 'DELETE',
  path: '/jobs/:job_id',
  operationId: 'cancelJob',
  tag: 'Jobs',
  summary: 'Cancel a job',
  description:
    'A pending job is cancelled at once and never starts. The worker of a running job is told, and kills its whole process tree.',
  access: 'jobs:write',
  action: 'job.cancel',
  mutation: true,
  params: JobPath,
  answers: {
    200: { description: 'Cancelled.', schema: Job },
    202: { description: 'Cancellation requested.', schema: Job },
  },
  errors: ['not_found', 'job_finished', 'conflict'],
  handle: async ({ deps, caller, params, change }) => {
    const { status, job } = await cancelJob(deps, caller.tenantId, params.job_id, change);
    return { status, body: job };
  },
});

export const output = route({
  method: 'GET',
  path: '/jobs/:job_id/output',
  operationId: 'getJobOutput',
  tag: 'Jobs',
  summary: 'Get the raw output',
  description:
    'What the agent wrote to stdout and stderr in its last attempt, secrets redacted; while it runs, what there is so far. Large output is answered with a redirect that is valid for five minutes.',
  access: 'jobs:read',
  action: 'job.output',
  params: JobPath,
  requestHeaders: { range: 'One range of bytes, for example `bytes=0-999`.' },
  answers: {
    200: { description: 'The output.', contentType: 'text/plain' },
    206: {
      description: 'The range.',
      contentType: 'text/plain',
      headers: { 'content-range': 'Which bytes of how many.', 'accept-ranges': 'bytes' },
    },
    307: { description: 'Where to fetch it.', headers: { location: 'A presigned URL.' } },
  },
  errors: ['not_found', 'output_not_ready', 'range_not_satisfiable'],
  handle: async ({ deps, caller, params, headers }) => {
    const job = await findJob(deps, caller.tenantId, params.job_id);
    const result = await readOutput(deps, job, headers.get('range') ?? undefined);
    if (result.kind === 'redirect') {
      return new Response(null, { status: 307, headers: { location: result.url } });
    }
    const { body, length, contentRange } = result.raw;
    return new Response(body, {
      status: contentRange === null ? 200 : 206,
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        ...(length === null ? {} : { 'content-length': String(length) }),
        ...(contentRange === null ? {} : { 'content-range': contentRange, 'accept-ranges': 'bytes' }),
      },
    });
  },
});

/** An HTTP API cuts an answer after 30 s: there the stream ends before, and the client continues it. */
const BUFFERED_WAIT_MS = 20_000;
/** Where streams stay open: longer than the longest job. */
const STREAMED_WAIT_MS = 12 * 3_600_000;

export const events = route({
  method: 'GET',
  path: '/jobs/:job_id/events',
  operationId: 'followJob',
  tag: 'Jobs',
  summary: 'Follow the events of a job, live and replayable',
  description:
    'Server-sent events. `Last-Event-ID` replays from any event (0: from the start). The stream ends with `event: end`; one that ends without it is continued with the last id that was seen.',
  access: 'jobs:read',
  action: 'job.events',
  params: JobPath,
  requestHeaders: { 'last-event-id': 'The id of the last event that was seen; 0 for all.' },
  answers: { 200: { description: 'The events.', contentType: 'text/event-stream' } },
  errors: ['not_found'],
  handle: async ({ deps, caller, params, headers, signal }) => {
    const afterId = lastEventId(headers.get('last-event-id'));
    const job = await findJob(deps, caller.tenantId, params.job_id);
    const wait = deps.settings.streaming ? STREAMED_WAIT_MS : BUFFERED_WAIT_MS;
    const until = deps.clock.monotonic() + wait;
    const mayRead = () => stillAuthenticated(deps, caller);
    const followed = followEvents(deps, job, afterId, { until, signal, mayRead });
    return new Response(eventStream(followed, deps.clock.monotonic), {
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    });
  },
});

function lastEventId(header: string | null): number {
  const text = header?.trim() ?? '';
  if (text === '') return 0;
  const id = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(id)) {
    throw invalidField('Last-Event-ID', 'must be the id of an event, or 0.');
  }
  return id;
}
