import { afterAll, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { type ACCESS_LOG_FORMAT, ingestAccessLog } from '../../api/operations/ingest-access-log.ts';
import { newUuid, randomHex } from '../../shared/ids.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { listEntries } from '../../shared/store/audit/list-entries.ts';
import { partitionOfStranger } from '../../shared/store/audit/partitions.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { createTestTenant } from '../harness/outpost.ts';
import { drainAuditQueue } from './entries.ts';
import { createInProcess, type InProcess } from './in-process.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row A4: what the gateway refuses by itself is recorded from its access log, once. */
let local: LocalAws;
let api: InProcess;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true, faults: true });
  api = await createInProcess(local);
});
afterAll(() => local.stop());

/** A line as the gateway writes it: every value is text. */
type Line = Record<keyof typeof ACCESS_LOG_FORMAT, string>;

const line = (fields: Partial<Line> = {}): Line => ({
  request_id: randomHex(8),
  time_epoch: String(Date.now()),
  source_ip: '198.51.100.23',
  user_agent: 'Mozilla/5.0',
  path: '/jobs',
  status: '401',
  integration_status: '-',
  ...fields,
});

const ingest = (...lines: (Line | string)[]): Promise<number> =>
  ingestAccessLog(
    api.deps,
    lines.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))),
  );

const secondOf = (epoch: string): string =>
  new Date(Math.floor(Number(epoch.slice(0, 10))) * 1000).toISOString();

/** The entries of a gateway-refused call, wherever its time puts it. */
async function entriesOf(each: Line): Promise<AuditEntry[]> {
  const partition = partitionOfStranger(secondOf(each.time_epoch), each.request_id);
  const all = { from: '2000-01-01T00:00:00.000Z', to: '2100-01-01T00:00:00.000Z' };
  const { entries } = await listEntries(api.deps.store, partition, all, { limit: 1000 });
  return entries.map(({ entry }) => entry).filter((entry) => entry.request_id === each.request_id);
}

test.each([
  ['no Authorization header', { status: '401' }],
  ['a cached denial', { status: '403' }],
  ['a throttle', { status: '429' }],
  ['an unknown route', { status: '404', path: '/wp-login.php' }],
])('%s leaves one entry with address, agent, path and status', async (_, fields) => {
  const refused = line(fields);
  expect(await ingest(refused)).toBe(1);
  expect(await entriesOf(refused)).toEqual([
    {
      tenant_id: partitionOfStranger(secondOf(refused.time_epoch), refused.request_id),
      timestamp: secondOf(refused.time_epoch),
      action: 'gateway.refused',
      resource: refused.path.slice(1),
      metadata: {},
      request_id: refused.request_id,
      actor: 'anonymous',
      source_ip: '198.51.100.23',
      user_agent: 'Mozilla/5.0',
      outcome: 'denied',
      status: Number(refused.status),
    },
  ]);
});

test('seconds, milliseconds and repetitions of one call are one entry', async () => {
  const refused = line();
  const inSeconds = { ...refused, time_epoch: refused.time_epoch.slice(0, 10) };
  await ingest(refused, inSeconds);
  await ingest(inSeconds, refused, refused);
  expect(await entriesOf(refused)).toHaveLength(1);
});

test('a call that reached the app is left to the app', async () => {
  const tenant = await createTestTenant(api.deps.store);
  const served = line({ status: '200', integration_status: '200' });
  const answer = await api.request('GET', '/jobs', {
    key: tenant.apiKey,
    origin: { requestId: served.request_id },
  });
  expect(answer.status).toBe(200);
  await drainAuditQueue(api.deps);
  expect(await ingest(served)).toBe(0);
  expect(await entriesOf(served)).toEqual([]);
  const all = { from: '2000-01-01T00:00:00.000Z', to: '2100-01-01T00:00:00.000Z' };
  const { entries } = await listEntries(api.deps.store, tenant.tenantId, all, { limit: 10 });
  expect(entries.map(({ entry }) => entry.request_id)).toEqual([served.request_id]);
});

test('a missing user agent is none, and long values are cut', async () => {
  const bare = line({ user_agent: '-' });
  const long = line({ user_agent: 'u'.repeat(2000), path: `/${'p'.repeat(2000)}` });
  expect(await ingest(bare, long)).toBe(2);
  expect(await entriesOf(bare)).toMatchObject([{ user_agent: null }]);
  expect(await entriesOf(long)).toMatchObject([{ user_agent: 'u'.repeat(256), resource: 'p'.repeat(256) }]);
});

test('lines that are none are logged without what they hold, and do not stop the others', async () => {
  const secret = `op_live_${randomHex(16)}`;
  const { status: _, ...incomplete } = line({ path: `/${secret}` });
  const broken = [
    '',
    'not json',
    `{"request_id":"${secret}"`,
    '[]',
    'null',
    JSON.stringify(incomplete),
    JSON.stringify(line({ time_epoch: 'yesterday' })),
    JSON.stringify(line({ status: secret })),
    JSON.stringify(line({ request_id: '' })),
  ];
  const good = [line(), line()];
  const before = api.lines.length;
  expect(await ingest(...broken.slice(0, 5), good[0]!, ...broken.slice(5), good[1]!)).toBe(2);
  const logged = api.lines.slice(before).map((text) => JSON.parse(text));
  expect(logged).toHaveLength(broken.length);
  expect(logged.every(({ event, level }) => event === 'access_log.unreadable' && level === 'error')).toBe(
    true,
  );
  expect(JSON.stringify(logged)).not.toContain(secret);
  for (const each of good) expect(await entriesOf(each)).toHaveLength(1);
});

test('a table that fails makes the whole batch fail, and its repetition leaves each call once', async () => {
  const lines = Array.from({ length: 6 }, () => line({ request_id: newUuid() }));
  await local.faults.set([
    { service: 'dynamodb', operation: 'PutItem', skip: 3, times: 20, fault: { kind: 'outage' } },
  ]);
  await expect(ingest(...lines)).rejects.toThrow('Injected fault');
  await local.faults.clear();
  expect(await ingest(...lines)).toBe(lines.length);
  for (const each of lines) expect(await entriesOf(each)).toHaveLength(1);
});
