import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { newUlid } from '../../shared/ids.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, startApi, type TestApi } from '../harness/outpost.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Far more than the 50 sockets that the SDK's clients have by themselves. */
const REQUESTS = 600;
/** The second on a socket waits for it longer than the SDK waits for a connection (2 s). */
const SLOW_MS = 2_500;

let local: LocalAws;
let api: TestApi;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  api = await startApi(local);
});

afterAll(async () => {
  await api.stop();
  await local.stop();
});

test('requests that wait for a slow DynamoDB together are all answered', async () => {
  const { store } = awsOf(local);
  const { apiKey } = await createTestTenant(store);
  const ask = async (): Promise<number> =>
    (await api.request('GET', `/jobs/${newUlid()}`, { key: apiKey })).status;
  expect(await ask()).toBe(404);
  const slow = {
    service: 'dynamodb',
    match: store.tables.jobs,
    fault: { kind: 'delay', ms: SLOW_MS },
  } as const;
  await local.faults.set([slow]);
  const answers = await Promise.all(Array.from({ length: REQUESTS }, ask));
  expect(new Set(answers)).toEqual(new Set([404]));
});
