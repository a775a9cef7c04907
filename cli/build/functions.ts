import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTION_NAMES, type FunctionName } from '../../stacks/functions.ts';
import type { ZipEntry } from '../../stacks/zip.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The functions that have code. */
export const builtFunctions = (): FunctionName[] =>
  FUNCTION_NAMES.filter((name) => existsSync(join(ROOT, `api/functions/${name}.ts`)));

/**
 * One function as Lambda runs it: a bundle with its bytecode, which spares a cold start the parsing. Bytecode
 * without an executable takes CommonJS, and the very Bun of the layer.
 */
export async function bundleFunction(name: FunctionName, workFolder: string): Promise<ZipEntry[]> {
  const folder = mkdtempSync(join(workFolder, `${name}-`));
  // Beside api/lambda.ts in spirit: the same entry for another function. Named alike in each, since the bytecode
  // holds the path; inside the repository, since packages are resolved from there.
  const entryFolder = join(ROOT, 'dist/.entry');
  mkdirSync(entryFolder, { recursive: true });
  const entry = join(entryFolder, 'index.ts');
  writeFileSync(
    entry,
    [
      `import { lambda } from '../../api/functions/${name}.ts';`,
      `import { runFunction } from '../../api/runtime/run-function.ts';`,
      'void runFunction(process.env, lambda);',
      '',
    ].join('\n'),
  );
  try {
    const built = await Bun.build({
      entrypoints: [entry],
      outdir: folder,
      target: 'bun',
      format: 'cjs',
      bytecode: true,
      minify: true,
    });
    if (!built.success) throw new AggregateError(built.logs, `the function ${name} could not be bundled`);
    return ['index.js', 'index.js.jsc'].map((file) => ({
      name: file,
      content: readFileSync(join(folder, file)),
      mode: 0o644,
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(entryFolder, { recursive: true, force: true });
  }
}
