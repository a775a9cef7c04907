/**
 * A worker in miniature for flood.test.ts: one agent that writes `megabytes` to stdout and stderr at once, one
 * pipeline, and a look at this process's memory and timers all the while. Prints one JSON line.
 */
import { S3Client } from '@aws-sdk/client-s3';
import { testPipeline } from './fixture.ts';

const { endpoint, credentials, bucket, megabytes } = JSON.parse(process.argv[2] ?? '{}');
const s3 = new S3Client({ region: 'us-east-1', endpoint, credentials, forcePathStyle: true });
const half = Math.ceil((megabytes * 1024 * 1024) / 2);
const line = `say ${'flood of text, '.repeat(6)}`;

const pipeline = testPipeline(
  { s3, bucket },
  { secrets: ['sk-ant-0123456789abcdefghijklmnop'], capBytes: 32 << 20 },
);
let maxRss = 0;
let maxLag = 0;
let last = performance.now();
const watch = setInterval(() => {
  const now = performance.now();
  maxLag = Math.max(maxLag, now - last - 10);
  last = now;
  maxRss = Math.max(maxRss, process.memoryUsage.rss());
}, 10);

const script = `yes '${line}' | head -c ${half} & yes '${line}' | head -c ${half} >&2; wait`;
const started = performance.now();
const agent = Bun.spawn(['sh', '-c', script], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
pipeline.attach(agent.stdout, agent.stderr);
await pipeline.drained();
const drainedMs = performance.now() - started;
const result = await pipeline.finish({ withinMs: 60_000 });
clearInterval(watch);
console.log(JSON.stringify({ maxRss, maxLag, drainedMs, ...result }));
