import { cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFunction } from '../../cli/build/functions.ts';

/** A function's bundle on the disk. */
export type Bundle = { readonly folder: string; readonly entry: string; readonly bytes: number };

/** The API's function as `bun run build` makes it. */
export async function builtApi(work: string): Promise<Bundle> {
  const folder = join(work, 'api');
  mkdirSync(folder);
  for (const { name, content } of await bundleFunction('api', work))
    writeFileSync(join(folder, name), content);
  return bundleIn(folder);
}

/** The same without the bytecode: Bun parses the source at the start. */
export function withoutBytecode(built: Bundle, work: string): Bundle {
  const folder = join(work, 'api-without-bytecode');
  cpSync(built.folder, folder, { recursive: true });
  rmSync(join(folder, 'index.js.jsc'));
  return bundleIn(folder);
}

/** The same with arktype itself in it, which makes every schema anew at the start. */
export async function withArktype(work: string): Promise<Bundle> {
  const folder = join(work, 'api-with-arktype');
  const built = await Bun.build({
    entrypoints: [join(import.meta.dirname, '../../api/lambda.ts')],
    outdir: folder,
    naming: 'index.js',
    target: 'bun',
    format: 'cjs',
    bytecode: true,
    minify: true,
  });
  if (!built.success) throw new AggregateError(built.logs, 'the bundle with arktype could not be made');
  return bundleIn(folder);
}

function bundleIn(folder: string): Bundle {
  const entry = join(folder, 'index.js');
  return { folder, entry, bytes: statSync(entry).size };
}
