import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { apiFunction } from '../../api/functions/api.ts';
import type { Handler } from '../../api/runtime/loop.ts';
import { listApiKeys } from '../../shared/store/api-keys/list-api-keys.ts';
import type { FaultRule } from '../../local/aws/faults.ts';
import { startChild } from '../harness/child.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, outpostEnv } from '../harness/outpost.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { eventOf } from './gateway-client.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Lambda freezes a process between two requests: what is under way then is late by hours, or lost. */
let local: LocalAws;
beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
});
afterAll(() => local.stop());

const SLOW_USE: FaultRule = {
  service: 'dynamodb',
  operation: 'UpdateItem',
  match: 'KEYUSE#',
  fault: { kind: 'delay', ms: 1_000 },
};

test('the use of a key is written before the function asks for its next event', async () => {
  const { store } = awsOf(local);
  const { apiKey, tenant } = await createTestTenant(store);
  const handler: Handler = await apiFunction(false).start(outpostEnv(local), () => undefined);
  await local.faults.set([SLOW_USE]);
  const later: Promise<unknown>[] = [];
  const request = new Request('https://api.example.com/jobs', {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  await handler(await eventOf(request), {
    signal: new AbortController().signal,
    waitUntil: (work) => void later.push(work),
  });
  await Promise.all(later);
  const [struck] = await local.faults.list();
  expect(struck).toMatchObject({ hits: 1 });
  const { keys } = await listApiKeys(store, tenant.id, { limit: 1 });
  expect(keys[0]?.last_used).toBeString();
});

test('the use of a key is written before a server ends', async () => {
  const { store } = awsOf(local);
  const { apiKey, tenant } = await createTestTenant(store);
  const api = await startChild('api/serve.ts', { ...outpostEnv(local), PORT: '0' });
  // Tried again in a moment, by a process that must still be there.
  await local.faults.set([{ ...SLOW_USE, times: 1, fault: { kind: 'throttle' } }]);
  const answer = await fetch(`${api.endpoint}/jobs`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect(answer.status).toBe(200);
  expect(await api.stop()).toBe(0);
  await local.faults.clear();
  const { keys } = await listApiKeys(store, tenant.id, { limit: 1 });
  expect(keys[0]?.last_used).toBeString();
});
