import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import type { JobRequest } from '../../../api/operations/submit-job.ts';
import { createEventFeed } from '../event-feed.ts';
import { readKeys, readSettings } from '../settings.ts';
import { serveQueue } from '../submit-route.ts';

/** BullMQ on Redis behind the submit route. Redis acknowledges a write after its fsync policy has had its way. */
const settings = readSettings();
const connection = { host: '127.0.0.1', port: settings.port ?? 0, maxRetriesPerRequest: null };
const redis = new Redis(connection);
type StoredJob = JobRequest & { readonly tenant_id: string; readonly created_at: string };
const queue = new Queue<StoredJob, string>('jobs', { connection });
const queueEvents = new QueueEvents('jobs', { connection });
const events = createEventFeed();
queueEvents.on('active', ({ jobId }) => events.put(jobId, { type: 'status', status: 'running' }));
queueEvents.on('completed', ({ jobId, returnvalue }) => {
  events.put(jobId, { type: 'stdout', data: returnvalue });
  events.put(jobId, { type: 'end' });
});
await queueEvents.waitUntilReady();

for (const { hash, tenant_id: tenantId } of readKeys(settings)) await redis.hset('api_keys', hash, tenantId);

serveQueue(
  {
    tenantOf: async (hash) => (await redis.hget('api_keys', hash)) ?? undefined,
    submit: async (tenantId, job) => {
      const { id } = await queue.add('run', {
        ...job,
        tenant_id: tenantId,
        created_at: new Date().toISOString(),
      });
      if (id === undefined) throw new Error('the job has no id');
      return id;
    },
    read: async (tenantId, jobId) => {
      const job = await queue.getJob(jobId);
      if (job?.data.tenant_id !== tenantId) return undefined;
      return { job_id: jobId, ...job.data, output: job.returnvalue };
    },
    events,
  },
  settings.pepper,
);
