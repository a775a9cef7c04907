import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { ROUTES } from '../../api/routes/table.ts';
import type { Aws } from '../../shared/deps.ts';
import { newUlid } from '../../shared/ids.ts';
import { createTestTenant, type TestApi } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';
import { PLANTED, refused, refusedFor } from './problems.ts';
import { createWorld, type World } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** The "Bad input" list, outside of bodies: paths, methods, queries, cursors and headers. */

let aws: Aws;
let api: TestApi;
let world: World;

beforeAll(async () => {
  ({ aws, api } = await sharedOutpost());
  world = await createWorld(api, aws);
});

const JOB = { agent: 'codex', command: 'hello' } as const;

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  api.request('GET', path, { key: world.apiKey, headers });

describe('a path', () => {
  test.each(['1', newUlid().toLowerCase(), `${newUlid()}0`, 'x'.repeat(5_000), '%00', '%F0%9F%98%80', '$ne'])(
    'with a malformed job id is refused: %s',
    async (id) => {
      for (const suffix of ['', '/output', '/events']) {
        await refusedFor(await get(`/jobs/${id}${suffix}`), 'job_id');
      }
    },
  );

  test.each(['%', '%zz', '%ff', '%c0%af', '%ed%a0%80'])('with broken escapes is no 500: %s', async (part) => {
    for (const path of [`/jobs/${part}`, `/tenants/${part}`, `/${part}`, `/docs/${part}`]) {
      const answer = await get(path);
      expect(answer.status).toBeOneOf([400, 404]);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  test.each(['/jobs/..%2f..%2ftenants', '/docs/..%2f..%2fapp.ts', '/docs/%2e%2e', '/tenants/..;/jobs'])(
    'that climbs is refused: %s',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBeOneOf([400, 404]);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
    },
  );

  test.each([
    ['GET', '/nothing', 404],
    ['GET', '/JOBS', 404],
    ['PUT', '/jobs', 405],
    ['PATCH', '/health', 405],
    ['DELETE', '/tenants', 405],
    ['OPTIONS', '/jobs', 405],
    ['PROPFIND', '/jobs', 405],
  ])('that no route answers is a problem, too: %s %s', async (method, path, status) => {
    const answer = await api.fetch(path, { method });
    await refused(answer, status, status === 404 ? 'not_found' : 'method_not_allowed');
  });

  test('of another tenant’s job is answered like none', async () => {
    const stranger = await createTestTenant(aws.store);
    const answer = await api.request('GET', `/jobs/${world.params.job_id}`, { key: stranger.apiKey });
    await refused(answer, 404, 'not_found');
  });
});

describe('a query', () => {
  // The plan that a preview is asked for is no list; invoices are listed by Stripe, which bills nobody here.
  const lists = ROUTES.filter(
    ({ method, query, tag }) => method === 'GET' && query !== undefined && tag !== 'Billing',
  );

  test.each([
    ['limit', 'limit=0'],
    ['limit', 'limit=101'],
    ['limit', 'limit=-1'],
    ['limit', 'limit=1.5'],
    ['limit', 'limit=1e1'],
    ['limit', 'limit='],
    ['limit', 'limit=%00'],
    ['limit', `limit=${PLANTED}`],
    ['limit', 'limit=١٠'],
    ['limit', 'limit=1&limit=2'],
    ['cursor', 'cursor='],
    ['cursor', `cursor=${PLANTED}`],
    ['cursor', 'cursor=AAAA'],
    ['cursor', 'cursor=%00'],
    ['cursor', `cursor=${'A'.repeat(513)}`],
    ['cursor', 'cursor=AAAA&cursor=AAAA'],
    ['unknown', `unknown=${PLANTED}`],
    ['LIMIT', 'LIMIT=1'],
    ['__proto__', '__proto__=1'],
    ['constructor', 'constructor=1'],
    ['limit[]', 'limit[]=1'],
    ['limit[$gt]', 'limit[$gt]=1'],
  ])('with a wrong %s is refused by every list: %s', async (field, query) => {
    expect(lists.length).toBeGreaterThan(2);
    for (const route of lists) {
      const path = route.path.replace(':tenant_id', world.tenantId);
      await refusedFor(await get(`${path}?${query}`), field);
    }
  });

  test('with an unknown status is refused', async () => {
    for (const status of ['', 'PENDING', 'done', `pending,${PLANTED}`, '__proto__']) {
      await refusedFor(await get(`/jobs?status=${encodeURIComponent(status)}`), 'status');
    }
  });

  test('is refused where a route takes none', async () => {
    for (const route of ROUTES) {
      if (route.access === 'public' || route.query !== undefined) continue;
      const path = route.path.replaceAll(/:(\w+)/g, (_, name: keyof World['params']) => world.params[name]);
      const answer = await api.request(route.method, `${path}?planted=${PLANTED}`, {
        key: world.apiKey,
        ...(route.example === undefined ? {} : { body: route.example }),
      });
      await refusedFor(answer, 'planted');
    }
  });

  test('with the cursor of another list is refused, and with another tenant’s shows one’s own alone', async () => {
    const other = await createWorld(api, aws);
    await api.request('POST', '/jobs', { key: other.apiKey, body: JOB });
    const cursorOf = async (path: string): Promise<string> => {
      const page = await (await api.request('GET', path, { key: other.apiKey })).json();
      expect(typeof page.next_cursor).toBe('string');
      return page.next_cursor;
    };
    const jobs = await cursorOf('/jobs?limit=1');
    const keys = await cursorOf(`/tenants/${other.tenantId}/api-keys?limit=1`);
    const tenants = await cursorOf('/tenants?limit=1');
    const own = `/tenants/${world.tenantId}/api-keys`;
    const wrong = [
      ['/jobs', keys],
      ['/jobs', tenants],
      [own, jobs],
      [own, tenants],
      ['/tenants', jobs],
      ['/tenants', keys],
    ];
    for (const [path, cursor] of wrong) await refusedFor(await get(`${path}?cursor=${cursor}`), 'cursor');
    for (const [path, cursor] of [
      ['/jobs', jobs],
      [own, keys],
    ]) {
      const answer = await get(`${path}?cursor=${cursor}`);
      expect(answer.status).toBe(200);
      expect(await answer.text()).not.toContain(other.tenantId);
    }
  });
});

describe('a Last-Event-ID', () => {
  test.each([
    '-1',
    '1.5',
    'abc',
    '1e3',
    '0x10',
    '99999999999999999',
    '9007199254740993',
    '1 2',
    PLANTED,
    '1,2',
  ])('that is malformed is refused: %s', async (id) => {
    const answer = await get(`/jobs/${world.params.job_id}/events`, { 'last-event-id': id });
    await refusedFor(answer, 'Last-Event-ID');
  });
});
