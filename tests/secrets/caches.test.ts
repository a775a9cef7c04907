import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createKeyring } from '../../api/keyring.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUuid, randomHex } from '../../shared/ids.ts';
import { createProviderKeys, type ProviderKeys } from '../../shared/secrets/provider-keys.ts';
import { deleteProviderSecret, putProviderSecret } from '../../shared/secrets/provider-secret-store.ts';
import { revokeApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { transact } from '../../shared/store/transact.ts';
import { createFakeClock, type FakeClock } from '../limits/fake-clock.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, startApi, TEST_PEPPER } from '../harness/outpost.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/** Rows S2 and A2: what is cached, for how long, and how many reads that takes; counted where they arrive. */
let local: LocalAws;
let aws: Aws;
let clock: FakeClock;
let keys: ProviderKeys;
let tenantId: string;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
});
afterAll(() => local.stop());
beforeEach(async () => {
  clock = createFakeClock(1_790_000_000_000);
  keys = createProviderKeys(aws.secrets, clock);
  tenantId = newUuid();
  await local.faults.clear();
  await local.calls.start();
});

const MINUTE_MS = 60_000;

const reads = async (operation: string): Promise<number> =>
  (await local.calls.read()).filter((call) => call.operation === operation).length;
const put = (value: string): Promise<void> => putProviderSecret(aws.secrets, tenantId, 'openai', value);
const get = (signal?: AbortSignal): Promise<string | undefined> => keys.get(tenantId, 'openai', signal);
const delayed = (ms: number) =>
  local.faults.set([
    { service: 'secretsmanager', operation: 'GetSecretValue', times: 1, fault: { kind: 'delay', ms } },
  ]);

describe('a provider key', () => {
  test('is read once in five minutes', async () => {
    await put('sk-one-0123456789');
    for (let minute = 0; minute < 5; minute += 1) {
      expect(await get()).toBe('sk-one-0123456789');
      clock.advance(MINUTE_MS - 1);
    }
    expect(await reads('GetSecretValue')).toBe(1);
    clock.advance(5);
    await get();
    expect(await reads('GetSecretValue')).toBe(2);
  });

  test('asked for many times at once is read once', async () => {
    await put('sk-one-0123456789');
    const values = await Promise.all(Array.from({ length: 100 }, () => get()));
    expect(new Set(values)).toEqual(new Set(['sk-one-0123456789']));
    expect(await reads('GetSecretValue')).toBe(1);
  });

  test('that was replaced is read anew, and one that another process replaced after five minutes', async () => {
    await put('sk-one-0123456789');
    await get();
    await put('sk-two-0123456789');
    expect(await get()).toBe('sk-one-0123456789');
    keys.forget(tenantId, 'openai');
    expect(await get()).toBe('sk-two-0123456789');
    await put('sk-three-0123456789');
    clock.advance(5 * MINUTE_MS);
    expect(await get()).toBe('sk-three-0123456789');
  });

  test('that is replaced while it is being read is not kept as it was', async () => {
    await put('sk-one-0123456789');
    const slow = slowClient();
    keys = createProviderKeys({ ...aws.secrets, client: slow.client }, clock);
    const early = get();
    await slow.computed;
    await put('sk-two-0123456789');
    keys.forget(tenantId, 'openai');
    slow.arrive();
    expect(await early).toBe('sk-one-0123456789');
    expect(await get()).toBe('sk-two-0123456789');
  });

  test('that is absent is looked for again after a second, not before', async () => {
    expect(await get()).toBeUndefined();
    await put('sk-late-0123456789');
    clock.advance(999);
    expect(await get()).toBeUndefined();
    expect(await reads('GetSecretValue')).toBe(1);
    clock.advance(1);
    expect(await get()).toBe('sk-late-0123456789');
  });

  test('that is scheduled for deletion counts as absent', async () => {
    await put('sk-gone-0123456789');
    await deleteProviderSecret(aws.secrets, tenantId, 'openai');
    expect(await get()).toBeUndefined();
  });

  test('is never another tenant’s or provider’s', async () => {
    await put('sk-mine-0123456789');
    expect(await get()).toBe('sk-mine-0123456789');
    expect(await keys.get(newUuid(), 'openai')).toBeUndefined();
    expect(await keys.get(tenantId, 'anthropic')).toBeUndefined();
  });

  test('that could not be read is asked for again at once: a failure is no answer', async () => {
    await put('sk-one-0123456789');
    await local.faults.set([
      { service: 'secretsmanager', operation: 'GetSecretValue', fault: { kind: 'outage' } },
    ]);
    const failed = await Promise.allSettled([get(), get()]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await local.faults.clear();
    expect(await get()).toBe('sk-one-0123456789');
  });

  test('whose wait one caller abandons still reaches the others', async () => {
    await put('sk-one-0123456789');
    await delayed(300);
    const giveUp = new AbortController();
    const abandoned = get(giveUp.signal);
    const patient = get();
    giveUp.abort();
    await expect(abandoned).rejects.toThrow('abandoned');
    expect(await patient).toBe('sk-one-0123456789');
    expect(await reads('GetSecretValue')).toBe(1);
    await expect(keys.get(tenantId, 'google', AbortSignal.abort())).rejects.toThrow('abandoned');
  });

  /** A client whose first answer is computed, and arrives when the test says so. */
  function slowClient() {
    const { client } = awsOf(local).secrets;
    const [computed, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let first = true;
    client.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        if (first) {
          first = false;
          computed.resolve();
          await arrived.promise;
        }
        return answer;
      },
      { step: 'initialize', name: 'answerLate' },
    );
    return { client, computed: computed.promise, arrive: arrived.resolve };
  }
});

describe('an API key', () => {
  const ring = () => createKeyring({ ...aws.store, clock }, TEST_PEPPER);
  const unknown = (): string => `op_live_${randomHex(16)}`;

  test('is read once in 300 s, however often and at once it is used', async () => {
    const tenant = await createTestTenant(aws.store);
    const keyring = ring();
    await local.calls.start();
    const found = await Promise.all(Array.from({ length: 100 }, () => keyring.find(tenant.apiKey)));
    expect(new Set(found.map((record) => record?.tenant_id))).toEqual(new Set([tenant.tenantId]));
    clock.advance(299_999);
    await keyring.find(tenant.apiKey);
    expect(await reads('GetItem')).toBe(1);
    clock.advance(1);
    await keyring.find(tenant.apiKey);
    expect(await reads('GetItem')).toBe(2);
  });

  test('that is unknown is refused for ten seconds without a read', async () => {
    const keyring = ring();
    const key = unknown();
    for (let second = 0; second < 10; second += 1) {
      expect(await keyring.find(key)).toBeUndefined();
      clock.advance(999);
    }
    expect(await reads('GetItem')).toBe(1);
    clock.advance(10);
    await keyring.find(key);
    expect(await reads('GetItem')).toBe(2);
  });

  test('of another shape is refused without any read', async () => {
    const keyring = ring();
    for (const key of [
      '',
      'op_live_',
      `op_prod_${randomHex(16)}`,
      `${unknown()}0`,
      unknown().toUpperCase(),
    ]) {
      expect(await keyring.find(key)).toBeUndefined();
    }
    expect(await local.calls.read()).toEqual([]);
  });

  test('that is changed in this process is read anew', async () => {
    const tenant = await createTestTenant(aws.store);
    const keyring = ring();
    await keyring.find(tenant.apiKey);
    await transact(aws.store, revokeApiKey(aws.store, tenant.tenant, tenant.keyHash));
    expect((await keyring.find(tenant.apiKey))?.revoked).toBe(false);
    keyring.forget(tenant.keyHash);
    expect((await keyring.find(tenant.apiKey))?.revoked).toBe(true);
  });

  test('that is revoked over HTTP is refused at once by that process', async () => {
    const api = await startApi(local);
    const tenant = await createTestTenant(aws.store);
    const path = `/tenants/${tenant.tenantId}/api-keys`;
    const issued = await api.request('POST', path, { key: tenant.apiKey, body: { name: 'brief' } });
    const { key_id: keyId, api_key: brief } = await issued.json();
    const before = await api.request('GET', '/jobs', { key: brief });
    await api.request('DELETE', `${path}/${keyId}`, { key: tenant.apiKey });
    const after = await api.request('GET', '/jobs', { key: brief });
    await api.stop();
    expect([before.status, after.status]).toEqual([200, 401]);
  });
});
