import type { Store } from '../../shared/store/store.ts';
import { createTestTenant, type TestApi, type TestTenant } from '../../tests/harness/outpost.ts';
import { type Call, type Recorder, roundTrips } from './recorder.ts';

/** What one request costs. */
export type PathCost = {
  readonly path: string;
  readonly calls: readonly Call[];
  readonly roundTrips: number;
};

type Path = {
  readonly name: string;
  /** With a key of which the process has not heard. */
  readonly newKey?: true;
  /** What the request needs; not counted. */
  readonly prepare?: (tenant: TestTenant, api: TestApi) => Promise<string>;
  readonly request: (tenant: TestTenant, api: TestApi, prepared: string) => Promise<Response>;
};

/** Calls that come closer together than this are made side by side. */
const HOLD_MS = 200;
/** Of so many requests the cheapest counts: the others also did what is due once a minute. */
const REPEATS = 6;

const submit = (tenant: TestTenant, api: TestApi, headers: Record<string, string> = {}): Promise<Response> =>
  api.request('POST', '/jobs', {
    key: tenant.apiKey,
    body: { agent: 'claude', command: 'Say hello.' },
    headers,
  });

async function submittedId(tenant: TestTenant, api: TestApi): Promise<string> {
  const { job_id }: { job_id: string } = await (await submit(tenant, api)).json();
  return job_id;
}

const get =
  (path: string) =>
  (tenant: TestTenant, api: TestApi, id: string): Promise<Response> =>
    api.request('GET', path.replace('{id}', id), { key: tenant.apiKey });

const PATHS: readonly Path[] = [
  { name: 'POST /jobs, new key', newKey: true, request: (tenant, api) => submit(tenant, api) },
  { name: 'POST /jobs', request: (tenant, api) => submit(tenant, api) },
  {
    name: 'POST /jobs, Idempotency-Key',
    request: (tenant, api) => submit(tenant, api, { 'idempotency-key': crypto.randomUUID() }),
  },
  { name: 'GET /jobs, new key', newKey: true, request: get('/jobs') },
  { name: 'GET /jobs', request: get('/jobs') },
  { name: 'GET /jobs/{id}', prepare: submittedId, request: get('/jobs/{id}') },
  {
    name: 'DELETE /jobs/{id}',
    prepare: submittedId,
    request: (tenant, api, id) => api.request('DELETE', `/jobs/${id}`, { key: tenant.apiKey }),
  },
  { name: 'GET /usage', request: get('/usage') },
  { name: 'GET /audit', request: get('/audit') },
  {
    name: 'GET /jobs, wrong key',
    request: (_, api) => api.request('GET', '/jobs', { key: `op_live_${'0'.repeat(32)}` }),
  },
  { name: 'GET /health', request: (_, api) => api.request('GET', '/health') },
];

/** The calls of each path, made by a process of the API that talks to AWS through the recorder. */
export async function measurePaths(recorder: Recorder, api: TestApi, store: Store): Promise<PathCost[]> {
  const costs: PathCost[] = [];
  for (const path of PATHS) {
    const measured: PathCost[] = [];
    let tenant = await createTestTenant(store);
    for (let index = 0; index < REPEATS; index += 1) {
      if (path.newKey === true) tenant = await createTestTenant(store);
      const prepared = (await path.prepare?.(tenant, api)) ?? '';
      recorder.start({ holdMs: HOLD_MS });
      const answer = await path.request(tenant, api, prepared);
      await answer.arrayBuffer();
      const calls = await recorder.stop();
      measured.push({ path: path.name, calls, roundTrips: roundTrips(calls) });
    }
    const [cheapest] = measured.toSorted(
      (a, b) => a.roundTrips - b.roundTrips || a.calls.length - b.calls.length,
    );
    if (cheapest !== undefined) costs.push(cheapest);
  }
  return costs;
}
