import { type } from 'arktype';
import { Logger, run } from 'graphile-worker';
import { Pool } from 'pg';
import type { PeerEvent } from '../event-feed.ts';
import { runAgent } from '../run-agent.ts';
import { readSettings } from '../settings.ts';

/** A graphile-worker that announces each job, runs its agent and keeps what it wrote. */
const Payload = type({ id: 'string' });
const settings = readSettings();
const pool = new Pool({
  host: settings.socketFolder ?? '',
  user: 'bench',
  database: 'postgres',
  max: settings.concurrency + 2,
});
await run({
  pgPool: pool,
  concurrency: settings.concurrency,
  noHandleSignals: true,
  logger: new Logger(() => () => undefined),
  taskList: {
    run: async (payload) => {
      const { id } = Payload.assert(payload);
      const notify = (events: readonly PeerEvent[]) =>
        pool.query("select pg_notify('job_events', $1)", [JSON.stringify({ id, events })]);
      await notify([{ type: 'status', status: 'running' }]);
      const output = await runAgent(settings.agent);
      await pool.query('update jobs set output = $2 where id = $1', [id, output]);
      await notify([{ type: 'stdout', data: output }, { type: 'end' }]);
    },
  },
});
console.log(JSON.stringify({ endpoint: null }));
