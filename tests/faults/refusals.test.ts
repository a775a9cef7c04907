import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { startChild } from '../harness/child.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { HOOK_MS } from '../worker/loop/fixture.ts';
import { awsOf, outpostEnv } from '../harness/outpost.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let local: LocalAws;
let closed: string;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  // No tenant's uid can reach what lies in here.
  closed = mkdtempSync(join(tmpdir(), 'outpost-closed-'));
  mkdirSync(join(closed, 'data'));
  chmodSync(closed, 0o700);
}, HOOK_MS);
afterAll(async () => {
  await local.stop();
  rmSync(closed, { recursive: true, force: true });
}, HOOK_MS);

const startWorker = (env: Record<string, string>) =>
  startChild('worker/main.ts', {
    ...outpostEnv(local),
    OUTPOST_DATA_DIR: join(closed, 'data'),
    OUTPOST_WORKER_HEALTH_PORT: '0',
    ...env,
  });

describe('a worker refuses to start', () => {
  test('in prod where tenants cannot have uids of their own', async () => {
    await expect(startWorker({ OUTPOST_ENV: 'prod' })).rejects.toThrow('no uid: ');
  });

  test('below the level that it is told to keep', async () => {
    await expect(startWorker({ OUTPOST_ISOLATION: 'uid' })).rejects.toThrow('no uid: ');
  });

  test('in prod with failpoints', async () => {
    const armed = startWorker({ OUTPOST_ENV: 'prod', OUTPOST_FAILPOINTS: 'worker.after_claim=kill' });
    await expect(armed).rejects.toThrow('refused in prod');
  });

  test('and starts with less where nothing is demanded, saying why', async () => {
    const worker = await startWorker({});
    const hello = worker.logs().find((line) => 'isolation' in line);
    expect(hello?.['isolation']).not.toBe('uid');
    expect(String(hello?.['isolation_reason'])).toStartWith('no uid: ');
    expect(await worker.stop()).toBe(0);
  });
});

test('a request that AWS never answers is given up and made again', async () => {
  const { secrets } = awsOf(local);
  await local.faults.set([{ service: 'secretsmanager', times: 1, fault: { kind: 'hang', ms: 300_000 } }]);
  const asked = performance.now();
  const reading = secrets.client.send(new GetSecretValueCommand({ SecretId: 'none' }));
  await expect(reading).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  expect(performance.now() - asked).toBeLessThan(150_000);
  await local.faults.clear();
}, 400_000);
