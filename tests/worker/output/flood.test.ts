import { expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { join } from 'node:path';
import { WORKER_RUNTIME_ENV } from '../../../worker/runtime-env.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import { LONG_TEST_MS } from '../launcher/probe.ts';
import { outputStore } from './fixture.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const MEGABYTES = 200;

test(
  'a flood on both pipes costs neither memory nor timers, and ends',
  async () => {
    const aws = await startLocalAws();
    try {
      const { bucket } = await outputStore(aws);
      const task = { endpoint: aws.endpoint, credentials: aws.credentials, bucket, megabytes: MEGABYTES };
      const child = Bun.spawn(
        [process.execPath, join(import.meta.dir, 'flood-child.ts'), JSON.stringify(task)],
        {
          env: { ...process.env, ...WORKER_RUNTIME_ENV },
          stdin: 'ignore',
          stdout: 'pipe',
          stderr: 'inherit',
        },
      );
      const output = await new Response(child.stdout).text();
      expect(await child.exited).toBe(0);
      const seen = JSON.parse(output);
      console.log(
        `flood of ${MEGABYTES} MB: RSS ${Math.round(seen.maxRss / 1024 / 1024)} MB, ` +
          `timer lag ${Math.round(seen.maxLag)} ms, drained in ${Math.round(seen.drainedMs)} ms`,
      );
      expect(seen).toMatchObject({ truncated: true, lost: false });
      expect(seen.rawBytes).toBeGreaterThan(7 << 20);
      expect(seen.maxRss).toBeLessThan(150 * 1024 * 1024);
      // A heartbeat is due once a minute.
      expect(seen.maxLag).toBeLessThan(30_000);
    } finally {
      await aws.stop();
    }
  },
  LONG_TEST_MS,
);
