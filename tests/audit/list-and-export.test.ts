import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { gunzipSync } from 'node:zlib';
import { exportAudit, exportKey } from '../../api/operations/export-audit.ts';
import { readAuditExport } from '../../api/operations/read-audit-export.ts';
import { newUlid } from '../../shared/ids.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { listEntries } from '../../shared/store/audit/list-entries.ts';
import { anonymousPartition } from '../../shared/store/audit/partitions.ts';
import { putEntry } from '../../shared/store/audit/put-entry.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { createTestTenant, type TestTenant } from '../harness/outpost.ts';
import { drainAuditQueue } from './entries.ts';
import { createInProcess, type InProcess } from './in-process.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/** Row U2: the log as its owner reads it, what has expired, and the export. */
let local: LocalAws;
let api: InProcess;

beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true });
  api = await createInProcess(local);
});
afterAll(() => local.stop());

const DAY_MS = 86_400_000;
const dayOf = (daysAgo: number): string => new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10);

const entry = (partition: string, fields: Partial<AuditEntry> = {}): AuditEntry => ({
  tenant_id: partition,
  timestamp: new Date().toISOString(),
  action: 'job.read',
  resource: 'job/x',
  metadata: {},
  request_id: newUlid(),
  actor: 'key:x',
  source_ip: '203.0.113.1',
  user_agent: null,
  outcome: 'allowed',
  status: 200,
  ...fields,
});

const put = (each: AuditEntry): Promise<void> => putEntry(api.deps.store, each, 'observed');

/** `count` entries of one day, in the order of their time, some of them in the same millisecond. */
async function seed(
  partition: string,
  day: string,
  count: number,
  fields: (index: number) => Partial<AuditEntry> = () => ({}),
): Promise<AuditEntry[]> {
  const start = Date.parse(`${day}T00:00:00.000Z`);
  const entries = Array.from({ length: count }, (_, index) =>
    entry(partition, {
      timestamp: new Date(start + Math.floor(index / 3) * 1000).toISOString(),
      ...fields(index),
    }),
  );
  for (let from = 0; from < count; from += 50) await Promise.all(entries.slice(from, from + 50).map(put));
  return entries;
}

const ids = (entries: readonly AuditEntry[]): string[] => entries.map(({ request_id }) => request_id);

describe('GET /audit', () => {
  type Page = { entries: AuditEntry[]; next_cursor: string | null };

  async function page(tenant: TestTenant, query: Record<string, string>): Promise<Page> {
    const answer = await api.request('GET', `/audit?${new URLSearchParams(query)}`, { key: tenant.apiKey });
    expect(answer.status).toBe(200);
    return answer.json();
  }

  /** All pages; `between` runs after each. */
  async function walk(
    tenant: TestTenant,
    query: Record<string, string>,
    between: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<AuditEntry[]> {
    const found: AuditEntry[] = [];
    let cursor: string | null = null;
    do {
      const next: Page = await page(tenant, cursor === null ? query : { ...query, cursor });
      found.push(...next.entries);
      cursor = next.next_cursor;
      await between();
    } while (cursor !== null);
    return found;
  }

  test('misses and repeats none of what was there, while more is written', async () => {
    const tenant = await createTestTenant(api.deps.store);
    const there = await seed(tenant.tenantId, dayOf(1), 130);
    const late = { timestamp: `${dayOf(1)}T00:00:02.000Z` };
    const found = await walk(tenant, { limit: '7' }, () =>
      Promise.all([put(entry(tenant.tenantId)), put(entry(tenant.tenantId, late))]),
    );
    const seen = ids(found);
    expect(new Set(seen).size).toBe(seen.length);
    for (const id of ids(there)) expect(seen).toContain(id);
    const times = found.map(({ timestamp }) => timestamp);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  test('filters by action, resource and time, also together and across pages', async () => {
    const tenant = await createTestTenant(api.deps.store);
    const all = await seed(tenant.tenantId, dayOf(2), 240, (index) => ({
      action: index % 5 === 0 ? 'job.create' : 'job.read',
      resource: `job/${index % 4}`,
    }));
    const of = (wanted: (each: AuditEntry) => boolean) => ids(all.filter(wanted)).toSorted();
    const asked = async (query: Record<string, string>) =>
      ids(await walk(tenant, { to: `${dayOf(2)}T23:59:59.999Z`, limit: '9', ...query })).toSorted();
    expect(await asked({ action: 'job.create' })).toEqual(of(({ action }) => action === 'job.create'));
    expect(await asked({ resource: 'job/2' })).toEqual(of(({ resource }) => resource === 'job/2'));
    expect(await asked({ action: 'job.create', resource: 'job/3' })).toEqual(
      of(({ action, resource }) => action === 'job.create' && resource === 'job/3'),
    );
    expect(await asked({ action: 'job.delete' })).toEqual([]);
    const [from, to] = [`${dayOf(2)}T00:00:10.000Z`, `${dayOf(2)}T00:00:20.000Z`];
    expect(await asked({ from, to })).toEqual(of(({ timestamp }) => timestamp >= from && timestamp <= to));
    expect(await asked({ from: to, to })).toEqual(of(({ timestamp }) => timestamp === to));
  });

  test('shows nobody another tenant’s, but the operator', async () => {
    const [tenant, stranger] = [
      await createTestTenant(api.deps.store),
      await createTestTenant(api.deps.store),
    ];
    const operator = await createTestTenant(api.deps.store, { scopes: ['admin'] });
    const [hers] = await seed(tenant.tenantId, dayOf(1), 1);
    const path = `/audit?tenant_id=${tenant.tenantId}`;
    expect((await api.request('GET', path, { key: stranger.apiKey })).status).toBe(403);
    const seen: Page = await (await api.request('GET', path, { key: operator.apiKey })).json();
    expect(ids(seen.entries)).toEqual([hers!.request_id]);
    expect(ids(await walk(stranger, {}))).not.toContain(hers!.request_id);
  });

  test('leaves out what has expired and was not removed yet', async () => {
    const tenant = await createTestTenant(api.deps.store);
    const days = api.deps.store.auditRetentionDays;
    const at = (ageMs: number) => ({ timestamp: new Date(Date.now() - ageMs).toISOString() });
    const kept = entry(tenant.tenantId, at((days - 1) * DAY_MS));
    const expired = entry(tenant.tenantId, at(days * DAY_MS + 5_000));
    await put(kept);
    await put(expired);
    expect(ids(await walk(tenant, {}))).toEqual([kept.request_id]);
  });

  test('is itself recorded without the query', async () => {
    const tenant = await createTestTenant(api.deps.store);
    await page(tenant, { resource: 'a-private-name' });
    await drainAuditQueue(api.deps);
    const own = await walk(tenant, { action: 'audit.list' });
    expect(own).toMatchObject([{ resource: 'audit', status: 200, outcome: 'allowed' }]);
    expect(JSON.stringify(own)).not.toContain('a-private-name');
    expect(api.lines.join('\n')).not.toContain('a-private-name');
  });

  test.each(['tenants:x', 'YXVkaXQ6', btoa('audit:2026-01-01T00:00:00.000Z#TENANT'), '%00', 'a'.repeat(513)])(
    'refuses the cursor %s',
    async (cursor) => {
      const tenant = await createTestTenant(api.deps.store);
      const query = new URLSearchParams({ cursor });
      expect((await api.request('GET', `/audit?${query}`, { key: tenant.apiKey })).status).toBe(400);
    },
  );
});

describe('the export', () => {
  const inTable = async (partition: string, day: string): Promise<AuditEntry[]> => {
    const range = { from: `${day}T00:00:00.000Z`, to: `${day}T23:59:59.999Z` };
    const found: AuditEntry[] = [];
    let after: string | undefined;
    do {
      const page = await listEntries(api.deps.store, partition, range, {
        limit: 1000,
        ascending: true,
        ...(after === undefined ? {} : { after }),
      });
      found.push(...page.entries.map((each) => each.entry));
      after = page.next;
    } while (after !== undefined);
    return found;
  };

  const exported = (partition: string, day: string): Promise<AuditEntry[]> =>
    Array.fromAsync(readAuditExport(api.deps, day, partition));

  const bucket = () => api.deps.settings.auditExportBucket;

  async function objects(day: string): Promise<{ key: string; text: string; etag: string | undefined }[]> {
    const { Contents = [] } = await api.deps.outputs.s3.send(
      new ListObjectsV2Command({ Bucket: bucket(), Prefix: `audit/${day}/` }),
    );
    return Promise.all(
      Contents.map(async ({ Key = '', ETag }) => {
        const object = await api.deps.outputs.s3.send(new GetObjectCommand({ Bucket: bucket(), Key }));
        expect(object.ContentEncoding).toBe('gzip');
        const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
        return { key: Key, text: gunzipSync(bytes).toString('utf8'), etag: ETag };
      }),
    );
  }

  test('of a day equals the table, tenant by tenant, in order, and strangers too', async () => {
    const day = dayOf(10);
    const tenants = [await createTestTenant(api.deps.store), await createTestTenant(api.deps.store)];
    const partitions = [...tenants.map(({ tenantId }) => tenantId), anonymousPartition(day, 3)];
    for (const [index, partition] of partitions.entries()) await seed(partition, day, 40 + index);
    // The neighbours of the day, to the millisecond.
    const before = `${dayOf(11)}T23:59:59.999Z`;
    const last = `${day}T23:59:59.999Z`;
    await put(entry(partitions[0]!, { timestamp: before }));
    await put(entry(partitions[0]!, { timestamp: last }));
    await put(entry(partitions[0]!, { timestamp: `${dayOf(9)}T00:00:00.000Z` }));
    expect(await exportAudit(api.deps, day)).toEqual({ partitions: 3, entries: 40 + 1 + 41 + 42 });
    for (const partition of partitions) {
      const rows = await exported(partition, day);
      expect(rows).toEqual(await inTable(partition, day));
      expect(rows.length).toBeGreaterThanOrEqual(40);
    }
    expect((await exported(partitions[0]!, day)).at(-1)?.timestamp).toBe(last);
    const files = await objects(day);
    expect(files.map(({ key }) => key).toSorted()).toEqual(
      partitions.map((partition) => exportKey(day, partition, 0)).toSorted(),
    );
    for (const { text } of files) {
      expect(text.endsWith('\n')).toBe(true);
      for (const row of text.trimEnd().split('\n')) expect(() => JSON.parse(row)).not.toThrow();
    }
  });

  test('run again replaces the same objects by the same bytes', async () => {
    const day = dayOf(20);
    const tenant = await createTestTenant(api.deps.store);
    await seed(tenant.tenantId, day, 30);
    const first = await exportAudit(api.deps, day);
    const before = await objects(day);
    expect(await exportAudit(api.deps, day)).toEqual(first);
    expect(await objects(day)).toEqual(before);
    // What came late is in the next run.
    await put(entry(tenant.tenantId, { timestamp: `${day}T12:00:00.000Z` }));
    await exportAudit(api.deps, day);
    expect(await exported(tenant.tenantId, day)).toEqual(await inTable(tenant.tenantId, day));
    expect(await exported(tenant.tenantId, day)).toHaveLength(31);
  });

  test('of a long day is cut into parts that follow one another', async () => {
    const day = dayOf(30);
    const tenant = await createTestTenant(api.deps.store);
    const all = await seed(tenant.tenantId, day, 250);
    expect(await exportAudit(api.deps, day, { partEntries: 100 })).toEqual({ partitions: 1, entries: 250 });
    const files = await objects(day);
    expect(files.map(({ text }) => text.trimEnd().split('\n').length)).toEqual([100, 100, 50]);
    expect(files.map(({ key }) => key)).toEqual(
      [0, 1, 2].map((part) => exportKey(day, tenant.tenantId, part)),
    );
    const rows = await exported(tenant.tenantId, day);
    expect(rows).toEqual(await inTable(tenant.tenantId, day));
    expect(ids(rows).toSorted()).toEqual(ids(all).toSorted());
  });

  test('whose last part is exactly full leaves no empty one', async () => {
    const day = dayOf(31);
    const tenant = await createTestTenant(api.deps.store);
    await seed(tenant.tenantId, day, 20);
    await exportAudit(api.deps, day, { partEntries: 10 });
    expect(await objects(day)).toHaveLength(2);
    expect(await exported(tenant.tenantId, day)).toHaveLength(20);
  });

  test('of a day that has begun to expire does not replace what was exported of it', async () => {
    const days = api.deps.store.auditRetentionDays;
    // Its first entries are older than the retention, its last ones are not.
    const day = dayOf(days);
    const tenant = await createTestTenant(api.deps.store);
    await seed(tenant.tenantId, day, 5);
    await put(entry(tenant.tenantId, { timestamp: `${day}T23:59:59.999Z` }));
    const early = {
      ...api.deps,
      store: { ...api.deps.store, clock: { ...api.deps.clock, now: () => Date.now() - DAY_MS } },
    };
    await exportAudit(early, day);
    expect(await exported(tenant.tenantId, day)).toHaveLength(6);
    await expect(exportAudit(api.deps, day)).rejects.toThrow('has begun to expire');
    expect(await exported(tenant.tenantId, day)).toHaveLength(6);
  });

  test.each(['', '2026-1-1', '../../x', '2026-01-01T00:00:00Z'])('refuses the day %j', async (day) => {
    await expect(exportAudit(api.deps, day)).rejects.toThrow('not a day');
  });
});
