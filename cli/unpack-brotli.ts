import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

/** Unpacks one compressed executable. Answers with what is wrong, or null; throws on a damaged archive. */
export const unpackBrotli = async (archive: string, target: string): Promise<string | null> => {
  try {
    await access(archive);
  } catch {
    return `its lockfile has no build for ${process.platform}-${process.arch}`;
  }
  await mkdir(path.dirname(target), { recursive: true });
  await pipeline(
    createReadStream(archive),
    createBrotliDecompress(),
    createWriteStream(target, { mode: 0o755 }),
  );
  return null;
};
