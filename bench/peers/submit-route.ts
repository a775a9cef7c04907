import { type } from 'arktype';
import { JobRequest } from '../../api/operations/submit-job.ts';
import { hashApiKey } from '../../shared/hash.ts';
import type { EventFeed } from './event-feed.ts';

/**
 * The least that a user of a queue would put before it: HTTP with the same keys, the same hashing, the same cache
 * of five minutes and the same schema as Outpost's, and nothing of its quota, audit, rate limit or idempotency.
 */
export type PeerQueue = {
  /** The tenant of a stored key. */
  tenantOf(keyHash: string): Promise<string | undefined>;
  /** Resolves with the job's id when the job is durable. */
  submit(tenantId: string, job: JobRequest): Promise<string>;
  read(tenantId: string, jobId: string): Promise<object | undefined>;
  readonly events: EventFeed;
};

const KEPT_MS = 300_000;
const STREAM = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };

/** Serves POST /jobs, GET /jobs/{id} and GET /jobs/{id}/events on a free port, and prints where. */
export function serveQueue(queue: PeerQueue, pepper: string): void {
  const known = new Map<string, { tenantId: string; until: number }>();

  const authenticate = async (request: Request): Promise<string | undefined> => {
    const key = /^Bearer (op_live_[0-9a-f]{32})$/.exec(request.headers.get('authorization') ?? '')?.[1];
    if (key === undefined) return undefined;
    const hash = hashApiKey(pepper, key);
    const cached = known.get(hash);
    if (cached !== undefined && cached.until > performance.now()) return cached.tenantId;
    const tenantId = await queue.tenantOf(hash);
    if (tenantId !== undefined) known.set(hash, { tenantId, until: performance.now() + KEPT_MS });
    return tenantId;
  };

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    routes: {
      '/jobs': {
        POST: async (request) => {
          const tenantId = await authenticate(request);
          if (tenantId === undefined) return new Response(null, { status: 401 });
          const job = JobRequest(await request.json());
          if (job instanceof type.errors) return new Response(job.summary, { status: 400 });
          const jobId = await queue.submit(tenantId, job);
          return Response.json({ job_id: jobId, status: 'pending' }, { status: 202 });
        },
      },
      '/jobs/:id': async (request) => {
        const tenantId = await authenticate(request);
        if (tenantId === undefined) return new Response(null, { status: 401 });
        const job = await queue.read(tenantId, request.params.id);
        return job === undefined ? new Response(null, { status: 404 }) : Response.json(job);
      },
      '/jobs/:id/events': async (request) => {
        if ((await authenticate(request)) === undefined) return new Response(null, { status: 401 });
        return new Response(eventsOf(queue, request.params.id), { headers: STREAM });
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  });
  console.log(JSON.stringify({ endpoint: `http://127.0.0.1:${server.port}` }));
}

/** A stream that closes after the end. */
function eventsOf({ events }: PeerQueue, jobId: string): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stop: (() => void) | undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      let id = 0;
      stop = events.follow(jobId, (event) => {
        id += 1;
        controller.enqueue(
          encoder.encode(`id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
        );
        if (event.type === 'end') controller.close();
      });
    },
    cancel: () => stop?.(),
  });
}
