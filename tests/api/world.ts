import { expect } from 'bun:test';
import type { Route } from '../../api/http/route.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUlid, newUuid } from '../../shared/ids.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { addApiKey, newApiKey, revokeApiKey } from '../../shared/store/api-keys/api-key-writes.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { changeTenant } from '../../shared/store/tenants/tenant-writes.ts';
import type { TenantStatus } from '../../shared/model/tenant.ts';
import { transact } from '../../shared/store/transact.ts';
import { createTestTenant, TEST_PEPPER, type TestApi, type TestTenant } from '../harness/outpost.ts';

/** A tenant that has one of everything a path can name. */
export type World = TestTenant & { readonly params: PathParams };

/** A value for every parameter that a path may have. A route with another one must be given a sample here. */
export type PathParams = Readonly<Record<'tenant_id' | 'job_id' | 'key_id' | 'name' | 'invoice_id', string>>;

export async function createWorld(
  api: Pick<TestApi, 'request'>,
  aws: Aws,
  options: Parameters<typeof createTestTenant>[1] = {},
): Promise<World> {
  const tenant = await createTestTenant(aws.store, { ...options, scopes: SCOPES });
  const send = async (method: string, path: string, body: object): Promise<Record<string, string>> => {
    const answer = await api.request(method, path, { key: tenant.apiKey, body });
    expect(answer.status).toBeOneOf([200, 201, 202]);
    return answer.json();
  };
  const { job_id = '' } = await send('POST', '/jobs', { agent: 'codex', command: 'hello' });
  const { key_id = '' } = await send('POST', `/tenants/${tenant.tenantId}/api-keys`, {
    name: 'second',
    scopes: ['jobs:read'],
  });
  await send('PUT', `/tenants/${tenant.tenantId}/secrets/openai`, { value: 'sk-world-0123456789' });
  return {
    ...tenant,
    params: { tenant_id: tenant.tenantId, job_id, key_id, name: 'openai', invoice_id: 'in_world' },
  };
}

/** Ids of the right shape that never existed. `name` cannot be one: providers are a closed set. */
export const neverExisted = (): PathParams => ({
  tenant_id: newUuid(),
  job_id: newUlid(),
  key_id: newUlid(),
  name: 'xai',
  invoice_id: 'in_never',
});

/** The path of a route. Throws for a parameter that has no sample: add one to PathParams and createWorld. */
function pathOf(route: Route, params: PathParams): string {
  const samples = { ...params, asset: 'swagger-ui.css' };
  return route.path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = Object.entries(samples).find(([known]) => known === name)?.[1];
    if (value === undefined) throw new Error(`${route.operationId}: no sample for the parameter :${name}`);
    return value;
  });
}

/** A valid body of a route. Throws for a route with a body and no example: every such route documents one. */
function bodyOf(route: Route): { body?: unknown } {
  if (route.body === undefined) return {};
  if (route.example === undefined) throw new Error(`${route.operationId}: no example of its body`);
  return { body: route.example };
}

/** A valid request to a route, as far as its path and body go. */
export const callRoute = (
  api: Pick<TestApi, 'request'>,
  route: Route,
  params: PathParams,
  options: { key?: string; headers?: Record<string, string> } = {},
): Promise<Response> => api.request(route.method, pathOf(route, params), { ...bodyOf(route), ...options });

/** Revokes a tenant's key as another process would: the API under test is not told. */
export async function revokeBehindTheCache(aws: Aws, tenant: TestTenant): Promise<void> {
  const record = await getTenant(aws.store, tenant.tenantId);
  if (record === undefined) throw new Error('no such tenant');
  await transact(aws.store, revokeApiKey(aws.store, record, tenant.keyHash));
}

/** Sets a tenant's status as another process would: the API under test is not told. */
export async function setStatusBehindTheCache(
  aws: Aws,
  tenant: TestTenant,
  status: TenantStatus,
): Promise<void> {
  const record = await getTenant(aws.store, tenant.tenantId);
  if (record === undefined) throw new Error('no such tenant');
  await transact(aws.store, changeTenant(aws.store, record, { status }));
}

/** A further key of a tenant with all scopes, which the API under test has not seen yet. */
export async function anotherKey(aws: Aws, tenantId: string): Promise<string> {
  const tenant = await getTenant(aws.store, tenantId);
  if (tenant === undefined) throw new Error('no such tenant');
  const fields = { name: 'another', mode: 'live', scopes: SCOPES, expiresAt: null } as const;
  const { apiKey, record } = newApiKey(aws.store, TEST_PEPPER, tenant, {
    ...fields,
    requestsPerMinute: 1_000_000,
  });
  await transact(aws.store, addApiKey(aws.store, tenant, record));
  return apiKey;
}
