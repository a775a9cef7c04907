import { type } from 'arktype';
import { randomHex } from '../../shared/ids.ts';
import { Ulid, Uuid } from '../../shared/model/primitives.ts';

/** The job that a dedicated tenant's worker is started for. */
export type Task = { readonly tenantId: string; readonly jobId: string };

/** Where local AWS asks for tasks. */
export type TaskServer = { readonly url: string; stop(): Promise<void> };

const FAMILY = /^outpost-dedicated-[a-z]+-(?=[0-9a-f]{8}-)/;
const Request = type({
  family: type('string')
    .pipe((family) => family.replace(FAMILY, ''))
    .to(Uuid),
  environment: type({ '+': 'reject', OUTPOST_ONLY_JOB: Ulid }),
});

/**
 * What ECS is on AWS for the tasks of dedicated tenants: runs each by `run`, which resolves when it has ended. A
 * tenant's tasks run one after the other, since on one machine they share the tenant's uid; a job that waits for
 * its turn already is not put in line again. The address has a secret in it: agents reach the loopback, too.
 */
export function serveTasks(run: (task: Task) => Promise<void>): TaskServer {
  const path = `/${randomHex(16)}`;
  const lines = new Map<string, { waiting: string[]; last: Promise<void> }>();

  const enqueue = ({ tenantId, jobId }: Task): void => {
    const line = lines.get(tenantId) ?? { waiting: [], last: Promise.resolve() };
    lines.set(tenantId, line);
    if (line.waiting.includes(jobId)) return;
    line.waiting.push(jobId);
    line.last = line.last.then(async () => {
      line.waiting.shift();
      await run({ tenantId, jobId });
    });
  };

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      if (request.method !== 'POST' || new URL(request.url).pathname !== path) {
        return new Response(null, { status: 404 });
      }
      const task = Request(await request.json());
      if (task instanceof type.errors) return new Response(task.summary, { status: 400 });
      enqueue({ tenantId: task.family, jobId: task.environment.OUTPOST_ONLY_JOB });
      return new Response(null, { status: 202 });
    },
  });
  return { url: `http://127.0.0.1:${server.port}${path}`, stop: () => server.stop(true) };
}
