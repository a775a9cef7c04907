import { Worker } from 'bullmq';
import { runAgent } from '../run-agent.ts';
import { readSettings } from '../settings.ts';

/** A BullMQ worker that runs the agent of each job and keeps what it wrote. */
const settings = readSettings();
const worker = new Worker('jobs', () => runAgent(settings.agent), {
  connection: { host: '127.0.0.1', port: settings.port ?? 0, maxRetriesPerRequest: null },
  concurrency: settings.concurrency,
});
worker.on('error', (error) => console.error(error));
await worker.waitUntilReady();
console.log(JSON.stringify({ endpoint: null }));
