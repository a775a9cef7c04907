import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { AuditEntry } from '../../shared/model/audit-entry.ts';
import type { ApiDeps } from '../deps.ts';
import { exportKey } from './export-audit.ts';

/** The exported entries of one partition and day, in order: the proof that an export equals the table. */
export async function* readAuditExport(
  deps: ApiDeps,
  day: string,
  partition: string,
): AsyncGenerator<AuditEntry> {
  const first = exportKey(day, partition, 0);
  const answer = await deps.outputs.s3.send(
    new ListObjectsV2Command({
      Bucket: deps.settings.auditExportBucket,
      Prefix: first.slice(0, first.lastIndexOf('/') + 1),
    }),
  );
  for (const { Key = '' } of answer.Contents ?? []) {
    const object = await deps.outputs.s3.send(
      new GetObjectCommand({ Bucket: deps.settings.auditExportBucket, Key }),
    );
    const body = object.Body?.transformToWebStream().pipeThrough(new DecompressionStream('gzip'));
    const text = await new Response(body).text();
    for (const line of text.split('\n')) {
      if (line !== '') yield AuditEntry.assert(JSON.parse(line));
    }
  }
}
