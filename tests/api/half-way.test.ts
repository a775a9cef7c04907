import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createApiDeps, readApiEnv } from '../../api/deps.ts';
import { sweep } from '../../api/operations/sweep.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUuid } from '../../shared/ids.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { finishDeletion } from '../../shared/store/tenants/delete-tenant-writes.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import {
  awsOf,
  createTestTenant,
  outpostEnv,
  startApi,
  startFunctions,
  type TestApi,
  type TestTenant,
} from '../harness/outpost.ts';
import { hasDied } from '../worker/loop/fixture.ts';
import { expectProblem } from './problems.ts';
import { expectWiped, leftOf, tenantAtWork } from './tenant-at-work.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** A tenant's deletion whose process dies at a failpoint, and whose sweeper dies there, too, is finished all the same. */

let local: LocalAws;
let aws: Aws;
let api: TestApi;
let operator: TestTenant;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  aws = awsOf(local);
  api = await startApi(local);
  operator = await createTestTenant(aws.store, { scopes: SCOPES });
});
afterAll(async () => {
  await api.stop();
  await local.stop();
});

/** The failpoint, what the death of the API leaves to do, and what the death of the sweeper after it leaves. */
const DEATHS: readonly [string, string[], string[]][] = [
  ['api.after_tenant_mark', ['pending job', 'running job', 'secret'], []],
  ['api.after_tenant_job', ['running job', 'secret'], ['secret']],
  ['api.after_tenant_secret', [], []],
];

describe.each(DEATHS)('a deletion that dies at %s', (failpoint, byApi, bySweeper) => {
  test('is begun, goes on in another process, and dies there; the next one ends it', async () => {
    const tenant = await tenantAtWork(aws, api);
    const path = `/tenants/${tenant.tenantId}`;
    const options = { key: operator.apiKey, headers: { 'idempotency-key': newUuid() } };
    const armed = { OUTPOST_FAILPOINTS: `${failpoint}=kill` };
    const doomed = await startApi(local, armed);
    await expect(doomed.request('DELETE', path, options)).rejects.toThrow();
    expect(await leftOf(aws, tenant)).toEqual(byApi);

    const sweeper = await startFunctions(local, { ...armed, OUTPOST_SWEEP_SECONDS: '3600' });
    // The sweeper never marks a tenant: there it does all that is left.
    if (failpoint !== 'api.after_tenant_mark') await hasDied(sweeper);
    else while ((await leftOf(aws, tenant)).length > 0) await Bun.sleep(50);
    await sweeper.stop();
    expect(await leftOf(aws, tenant)).toEqual(bySweeper);

    const last = await startFunctions(local, { OUTPOST_SWEEP_SECONDS: '3600' });
    while ((await leftOf(aws, tenant)).length > 0) await Bun.sleep(50);
    await last.stop();
    await expectWiped(aws, tenant);
    const again = await api.request('DELETE', path, options);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await again.json()).toMatchObject({ id: tenant.tenantId, status: 'deleted' });
    await expectProblem(await api.request('GET', path, { key: operator.apiKey }), 404, 'not_found');
    // A sweeper looks again for a minute; that of the next death must find its own tenant first.
    const deleted = await getTenant(aws.store, tenant.tenantId);
    if (deleted !== undefined) await finishDeletion(aws.store, deleted);
  });
});

test('a deletion that cannot go on keeps no other from it', async () => {
  const [stuck, other] = [await tenantAtWork(aws, api), await tenantAtWork(aws, api)];
  const failing = (name: string) => ({
    service: 'secretsmanager' as const,
    match: name,
    operation: 'DeleteSecret',
    fault: { kind: 'outage' as const },
  });
  await local.faults.set([failing(stuck.tenantId), failing(other.tenantId)]);
  for (const { tenantId } of [stuck, other]) {
    const answer = await api.request('DELETE', `/tenants/${tenantId}`, { key: operator.apiKey });
    await expectProblem(answer, 503, 'unavailable');
  }
  await local.faults.set([failing(stuck.tenantId)]);
  awsOf(local);
  const lines: string[] = [];
  const deps = await createApiDeps(readApiEnv(outpostEnv(local)), {
    write: (line) => void lines.push(line),
    streaming: false,
  });
  await sweep(deps);
  await local.faults.clear();
  await expectWiped(aws, other);
  expect(await leftOf(aws, stuck)).toEqual(['secret']);
  expect(lines.filter((line) => line.includes('sweep.deletion_failed'))).toHaveLength(1);
  await sweep(deps);
  await expectWiped(aws, stuck);
});
