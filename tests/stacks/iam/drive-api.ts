import { ROUTES } from '../../../api/routes/table.ts';
import type { Aws } from '../../../shared/deps.ts';
import { SCOPES } from '../../../shared/model/api-key.ts';
import { callRoute, createWorld, neverExisted } from '../../api/world.ts';
import { createTestTenant, type TestApi } from '../../harness/outpost.ts';

type Api = Pick<TestApi, 'request'>;

/** Calls every route: as its tenant, as an operator, as a stranger, and for what is not there. */
export async function callEveryRoute(api: Api, aws: Aws): Promise<void> {
  const world = await createWorld(api, aws);
  const key = world.apiKey;
  for (const route of ROUTES) {
    // The tenant itself goes last, and sooner would take the rest along.
    if (route.operationId === 'deleteTenant') continue;
    const headers = route.method === 'GET' ? {} : { 'idempotency-key': route.operationId };
    for (let times = 0; times < 2; times += 1) await callRoute(api, route, world.params, { key, headers });
    await callRoute(api, route, neverExisted(), { key });
  }
  for (const priority of ['high', 'low']) {
    await api.request('POST', '/jobs', { key, body: { agent: 'codex', command: 'hello', priority } });
  }
  await callRoute(api, routeOf('listJobs'), world.params, {
    key: 'op_live_00000000000000000000000000000000',
  });
  await secretsComeAndGo(api, world.apiKey, world.tenantId);
  await tenantComesAndGoes(api, world.apiKey);
  await quotaIsUsed(api, aws);
}

function routeOf(operationId: string): (typeof ROUTES)[number] {
  const found = ROUTES.find((route) => route.operationId === operationId);
  if (found === undefined) throw new Error(`there is no route ${operationId}`);
  return found;
}

async function secretsComeAndGo(api: Api, key: string, tenantId: string): Promise<void> {
  const path = `/tenants/${tenantId}/secrets/anthropic`;
  const value = { value: 'sk-ant-0123456789abcdef' };
  await api.request('PUT', path, { key, body: value });
  await api.request('PUT', path, { key, body: value });
  await api.request('POST', `${path}/rotate`, { key, body: value });
  await api.request('DELETE', path, { key });
  await api.request('POST', `${path}/restore`, { key });
  await api.request('DELETE', path, { key });
  await api.request('PUT', path, { key, body: value });
}

async function tenantComesAndGoes(api: Api, key: string): Promise<void> {
  const created = await api.request('POST', '/tenants', { key, body: { name: 'A', email: 'a@example.com' } });
  const { id } = await created.json();
  const issued = await api.request('POST', `/tenants/${id}/api-keys`, { key, body: { name: 'first' } });
  const { api_key: own } = await issued.json();
  await api.request('PUT', `/tenants/${id}/secrets/openai`, { key: own, body: { value: 'sk-0123456789ab' } });
  await api.request('POST', '/jobs', { key: own, body: { agent: 'codex', command: 'hello' } });
  await api.request('PATCH', `/tenants/${id}`, { key, body: { status: 'suspended' } });
  await api.request('DELETE', `/tenants/${id}`, { key });
}

async function quotaIsUsed(api: Api, aws: Aws): Promise<void> {
  const { apiKey: key } = await createTestTenant(aws.store, { plan: 'free', scopes: SCOPES });
  const submitted = await api.request('POST', '/jobs', { key, body: { agent: 'codex', command: 'hello' } });
  const { job_id } = await submitted.json();
  await api.request('DELETE', `/jobs/${job_id}`, { key });
  await api.request('GET', '/usage', { key });
}
