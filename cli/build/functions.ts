import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTION_NAMES, type FunctionName } from '../../stacks/functions.ts';
import type { ZipEntry } from '../../stacks/zip.ts';
import { standIn } from './schemas/stand-in.ts';
import { writeValidators } from './schemas/validators-module.ts';
import { textBeside } from './text-beside.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The functions that have code. */
export const builtFunctions = (): FunctionName[] =>
  FUNCTION_NAMES.filter((name) => existsSync(join(ROOT, `api/functions/${name}.ts`)));

export const functionEntries = (): string[] =>
  builtFunctions().map((name) => join(ROOT, `api/functions/${name}.ts`));

let validators: Promise<string> | undefined;

/** The compiled schemas of all functions: without them most of a cold start would go into making the schemas. */
function compiledSchemas(): Promise<string> {
  validators ??= writeValidators(functionEntries()).then(({ source }) => source);
  return validators;
}

/**
 * One function as Lambda runs it: a bundle with its bytecode, which spares a cold start the parsing. Bytecode
 * without an executable takes CommonJS, and the very Bun of the layer.
 */
export async function bundleFunction(name: FunctionName, workFolder: string): Promise<ZipEntry[]> {
  const folder = mkdtempSync(join(workFolder, `${name}-`));
  // Like api/lambda.ts for another function; held in memory, so that builds at once do not meet in one file. Named
  // alike for each function, since the bytecode holds the name.
  const entry = join(ROOT, 'api/function.ts');
  const source = [
    `import { lambda } from './functions/${name}.ts';`,
    `import { runFunction } from './runtime/run-function.ts';`,
    'void runFunction(process.env, lambda);',
    '',
  ].join('\n');
  const beside = textBeside();
  try {
    const built = await Bun.build({
      entrypoints: [entry],
      files: { [entry]: source },
      root: ROOT,
      outdir: folder,
      naming: 'index.js',
      target: 'bun',
      format: 'cjs',
      bytecode: true,
      minify: true,
      plugins: [standIn({ validators: await compiledSchemas() }), beside.plugin],
    });
    if (!built.success) throw new AggregateError(built.logs, `the function ${name} could not be bundled`);
    const bundled = ['index.js', 'index.js.jsc'].map((file) => ({
      name: file,
      content: readFileSync(join(folder, file)),
      mode: 0o644,
    }));
    return [...bundled, ...beside.files()];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
