import { ZipFile } from 'yazl';

/** A file of an archive. `mode` is octal: 0o755 for what is executed. */
export type ZipEntry = { readonly name: string; readonly content: Uint8Array; readonly mode: number };

/** Archives hold local time from 1980 on: well after, so that no time zone begins earlier. */
const YEAR = 1990;

/** A ZIP archive whose bytes depend on its entries alone: one time for all, in the order given. */
export async function zip(entries: readonly ZipEntry[]): Promise<Uint8Array> {
  const archive = new ZipFile();
  for (const { name, content, mode } of entries) {
    archive.addBuffer(Buffer.from(content), name, {
      mtime: new Date(YEAR, 0, 1),
      mode: 0o100000 | mode,
      compressionLevel: 9,
      // The other format holds the moment in UTC, which is another one in each time zone.
      forceDosTimestamp: true,
    });
  }
  archive.end();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.outputStream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
