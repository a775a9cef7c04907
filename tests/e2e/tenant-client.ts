import { EventSourceParserStream } from 'eventsource-parser/stream';
import { createClient } from '../../cli/start/client.ts';
import type { Provider } from '../../shared/agents.ts';
import { AuditEntry } from '../../shared/model/audit-entry.ts';
import { JobEvent } from '../../shared/model/event.ts';
import { isTerminal, Job } from '../../shared/model/job.ts';

type Keys = { readonly tenantId: string; readonly apiKey: string };

/** A tenant as a client of the API, over HTTP alone. */
export type TenantClient<T extends Keys = Keys> = T & {
  putProviderKey(provider: Provider, value: string): Promise<void>;
  /** Submits a job and answers its id. Throws unless it is accepted. */
  submit(body: object, idempotencyKey?: string): Promise<string>;
  job(jobId: string): Promise<Job>;
  /** The job once `done` holds; ended, unless said otherwise. Throws after `withinMs`. */
  until(jobId: string, done: (job: Job) => boolean, withinMs: number): Promise<Job>;
  /** Answers the status of DELETE. */
  cancel(jobId: string): Promise<number>;
  /** Follows the events to their end, over as many connections as it takes. */
  events(jobId: string): Promise<JobEvent[]>;
  output(jobId: string): Promise<Buffer>;
  /** All jobs of the tenant, newest first. */
  jobs(): Promise<Job[]>;
  /** All audit entries of one action. */
  audit(action: string): Promise<AuditEntry[]>;
};

export const hasEnded = (job: Job): boolean => isTerminal(job.status);

export function createTenantClient<T extends Keys>(url: string, tenant: T): TenantClient<T> {
  const { call, open } = createClient(url, tenant.apiKey);
  const job = async (jobId: string): Promise<Job> => Job.assert(await call('GET', `/jobs/${jobId}`));
  const listAll = async (path: string, name: string): Promise<unknown[]> => {
    const items: unknown[] = [];
    let cursor: unknown = null;
    do {
      const after = typeof cursor === 'string' ? `&cursor=${encodeURIComponent(cursor)}` : '';
      const page = await call('GET', `${path}limit=100${after}`);
      if (Array.isArray(page[name])) items.push(...page[name]);
      cursor = page['next_cursor'];
    } while (cursor !== null);
    return items;
  };
  return {
    ...tenant,
    job,
    putProviderKey: async (provider, value) => {
      await call('PUT', `/tenants/${tenant.tenantId}/secrets/${provider}`, { value });
    },
    submit: async (body, idempotencyKey) => {
      const answer = await fetch(`${url}/jobs`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tenant.apiKey}`,
          'content-type': 'application/json',
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        body: JSON.stringify(body),
      });
      const accepted: { job_id?: string } = await answer.json();
      if (answer.status !== 202 || accepted.job_id === undefined) {
        throw new Error(`POST /jobs: ${answer.status} ${JSON.stringify(accepted)}`);
      }
      return accepted.job_id;
    },
    jobs: async () => (await listAll('/jobs?', 'jobs')).map((item) => Job.assert(item)),
    audit: async (action) =>
      (await listAll(`/audit?action=${action}&`, 'entries')).map((item) => AuditEntry.assert(item)),
    until: async (jobId, done, withinMs) => {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const now = await job(jobId);
        if (done(now)) return now;
        if (performance.now() > deadline) throw new Error(`after ${withinMs} ms: ${JSON.stringify(now)}`);
        await Bun.sleep(100);
      }
    },
    cancel: async (jobId) => {
      const authorization = `Bearer ${tenant.apiKey}`;
      return (await fetch(`${url}/jobs/${jobId}`, { method: 'DELETE', headers: { authorization } })).status;
    },
    events: (jobId) => follow((after) => open(`/jobs/${jobId}/events`, { 'last-event-id': after })),
    output: async (jobId) => {
      const answer = await open(`/jobs/${jobId}/output`);
      if (!answer.ok) throw new Error(`GET output: ${answer.status} ${await answer.text()}`);
      return Buffer.from(await answer.arrayBuffer());
    },
  };
}

async function follow(connect: (after: string) => Promise<Response>): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  let last = '0';
  for (;;) {
    const answer = await connect(last);
    if (!answer.ok || answer.body === null) throw new Error(`GET events: ${answer.status}`);
    const stream = answer.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const message of stream) {
      const event = JobEvent.assert(JSON.parse(message.data));
      if (message.id !== String(event.id)) throw new Error(`event ${event.id} came under ${message.id}`);
      if (message.event !== event.type) throw new Error(`${event.type} came as ${message.event}`);
      last = message.id;
      events.push(event);
      if (event.type === 'end') return events;
    }
  }
}
