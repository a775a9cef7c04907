import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zip, type ZipEntry } from '../../stacks/zip.ts';
import { dockerfileFaults } from './dockerfile.ts';
import { builtFunctions, bundleFunction } from './functions.ts';
import { ARCHITECTURES, layerEntries } from './layer.ts';
import { writeWorkerContext } from './worker-context.ts';

type Entry = { readonly file: string; readonly sha256: string };

/** Builds everything; answers with what is wrong with the worker's Dockerfile. */
export async function build(out: string): Promise<string[]> {
  mkdirSync(out, { recursive: true });
  const write = async (file: string, entries: readonly ZipEntry[]): Promise<Entry> => {
    const bytes = await zip(entries);
    writeFileSync(join(out, file), bytes);
    console.log(`${file.padEnd(24)} ${(bytes.byteLength / 1e6).toFixed(2).padStart(7)} MB`);
    return { file, sha256: createHash('sha256').update(bytes).digest('hex') };
  };
  const work = mkdtempSync(join(tmpdir(), 'outpost-build-'));
  try {
    const functions: Record<string, Entry> = {};
    for (const name of builtFunctions()) {
      functions[name] = await write(`${name}.zip`, await bundleFunction(name, work));
    }
    const layers: Record<string, Entry> = {};
    for (const architecture of ARCHITECTURES) {
      layers[architecture] = await write(`layer-${architecture}.zip`, layerEntries(architecture));
    }
    writeFileSync(join(out, 'manifest.json'), `${JSON.stringify({ layers, functions }, null, 2)}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const context = join(out, 'worker');
  await writeWorkerContext(context);
  console.log(
    `worker/                  main.js ${(statSync(join(context, 'worker/main.js')).size / 1e6).toFixed(2)} MB`,
  );
  return dockerfileFaults(context, ['amd64', 'arm64']);
}
