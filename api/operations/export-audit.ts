import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import { listEntries } from '../../shared/store/audit/list-entries.ts';
import { ANONYMOUS_SHARDS, anonymousPartition } from '../../shared/store/audit/partitions.ts';
import { allTenantIds } from '../../shared/store/tenants/all-tenant-ids.ts';
import type { ApiDeps } from '../deps.ts';

/** Entries in one object: bounds the memory that an export takes. */
const PART_ENTRIES = 10_000;
const READ_AT_ONCE = 500;
const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

/** Where a part of a partition's day lies. `#` would have to be escaped in URLs. */
export const exportKey = (day: string, partition: string, part: number): string =>
  `audit/${day}/${partition.replaceAll('#', '_')}/${String(part).padStart(5, '0')}.ndjson.gz`;

/**
 * Row U2: writes one day's entries to the export bucket, gzip-compressed NDJSON by day and tenant, in order of
 * time. Running it again replaces the same objects. Answers how many entries were written. Throws for a day
 * whose entries have begun to expire: what is left of it must not replace the whole.
 */
export async function exportAudit(
  deps: ApiDeps,
  day: string,
  { partEntries = PART_ENTRIES }: { partEntries?: number } = {},
): Promise<{ partitions: number; entries: number }> {
  if (!DAY.test(day)) throw new Error(`not a day: ${day}`);
  const { clock, auditRetentionDays } = deps.store;
  if (clock.now() >= Date.parse(`${day}T00:00:00.000Z`) + auditRetentionDays * DAY_MS) {
    throw new Error(`the log of ${day} has begun to expire`);
  }
  let partitions = 0;
  let entries = 0;
  for await (const partition of partitionsOf(deps, day)) {
    const written = await exportPartition(deps, day, partition, partEntries);
    if (written > 0) partitions += 1;
    entries += written;
  }
  return { partitions, entries };
}

async function* partitionsOf(deps: ApiDeps, day: string): AsyncGenerator<string> {
  for (let shard = 0; shard < ANONYMOUS_SHARDS; shard += 1) yield anonymousPartition(day, shard);
  yield* allTenantIds(deps.store);
}

async function exportPartition(
  deps: ApiDeps,
  day: string,
  partition: string,
  partEntries: number,
): Promise<number> {
  const range = { from: `${day}T00:00:00.000Z`, to: `${day}T23:59:59.999Z` };
  let part: AuditEntry[] = [];
  let parts = 0;
  let total = 0;
  let after: string | undefined;
  do {
    const page = await listEntries(deps.store, partition, range, {
      limit: Math.min(READ_AT_ONCE, partEntries - part.length),
      ascending: true,
      ...(after === undefined ? {} : { after }),
    });
    part.push(...page.entries.map(({ entry }) => entry));
    total += page.entries.length;
    after = page.next;
    if (part.length > 0 && (part.length >= partEntries || after === undefined)) {
      await writePart(deps, exportKey(day, partition, parts), part);
      parts += 1;
      part = [];
    }
  } while (after !== undefined);
  return total;
}

async function writePart(deps: ApiDeps, key: string, entries: readonly AuditEntry[]): Promise<void> {
  const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  const compressed = new Response(lines).body?.pipeThrough(new CompressionStream('gzip'));
  await deps.outputs.s3.send(
    new PutObjectCommand({
      Bucket: deps.settings.auditExportBucket,
      Key: key,
      Body: new Uint8Array(await new Response(compressed).arrayBuffer()),
      ContentType: 'application/x-ndjson',
      ContentEncoding: 'gzip',
    }),
  );
}
