import { makeWorkerUtils } from 'graphile-worker';
import { Client, Pool } from 'pg';
import { createEventFeed, type PeerEvent } from '../event-feed.ts';
import { readKeys, readSettings } from '../settings.ts';
import { serveQueue } from '../submit-route.ts';

/** graphile-worker on PostgreSQL behind the submit route: the job and its queue entry are one transaction. */
const settings = readSettings();
const database = { host: settings.socketFolder ?? '', user: 'bench', database: 'postgres' };
const pool = new Pool({ ...database, max: 20 });
const utils = await makeWorkerUtils({ pgPool: pool });
await utils.migrate();
await pool.query(`
  create table if not exists api_keys (hash text primary key, tenant_id text not null);
  create table if not exists jobs (
    id uuid primary key default gen_random_uuid(), tenant_id text not null, request jsonb not null,
    created_at timestamptz not null default now(), output text);
`);
await pool.query(
  `insert into api_keys select hash, tenant_id from jsonb_to_recordset($1) as keys(hash text, tenant_id text)
   on conflict do nothing`,
  [JSON.stringify(readKeys(settings))],
);
const events = createEventFeed();
const listener = new Client(database);
await listener.connect();
listener.on('notification', ({ payload = '' }) => {
  const notice: { id: string; events: PeerEvent[] } = JSON.parse(payload);
  for (const event of notice.events) events.put(notice.id, event);
});
await listener.query('listen job_events');

serveQueue(
  {
    tenantOf: async (hash) => {
      const { rows } = await pool.query<{ tenant_id: string }>({
        name: 'key',
        text: 'select tenant_id from api_keys where hash = $1',
        values: [hash],
      });
      return rows[0]?.tenant_id;
    },
    submit: async (tenantId, job) => {
      const { rows } = await pool.query<{ id: string }>({
        name: 'submit',
        text: `with job as (insert into jobs (tenant_id, request) values ($1, $2) returning id),
               queued as (select graphile_worker.add_job('run', json_build_object('id', id)) from job)
               select job.id from job, queued`,
        values: [tenantId, JSON.stringify(job)],
      });
      if (rows[0] === undefined) throw new Error('the job was not stored');
      return rows[0].id;
    },
    read: async (tenantId, jobId) => {
      const { rows } = await pool.query<{
        id: string;
        request: object;
        created_at: Date;
        output: string | null;
      }>({
        name: 'read',
        text: 'select id, request, created_at, output from jobs where id = $1 and tenant_id = $2',
        values: [jobId, tenantId],
      });
      const [row] = rows;
      if (row === undefined) return undefined;
      return { job_id: row.id, ...row.request, created_at: row.created_at, output: row.output };
    },
    events,
  },
  settings.pepper,
);
