import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { BunPlugin } from 'bun';
import type { ZipEntry } from '../../stacks/zip.ts';

/**
 * Leaves Swagger UI's files out of a function's bundle and puts them beside it, to be read when they are asked
 * for: within the bundle every start would load two megabytes of text that few calls need.
 */
export function textBeside(): { readonly plugin: BunPlugin; readonly files: () => ZipEntry[] } {
  const paths = new Set<string>();
  return {
    plugin: {
      name: 'text-beside',
      setup(build) {
        build.onLoad({ filter: /\/swagger-ui-dist\// }, ({ path }) => {
          paths.add(path);
          return { contents: readerOf(basename(path)), loader: 'js' };
        });
      },
    },
    files: () =>
      [...paths]
        .toSorted()
        .map((path) => ({ name: basename(path), content: readFileSync(path), mode: 0o644 })),
  };
}

const readerOf = (file: string): string =>
  [
    `import { readFileSync } from 'node:fs';`,
    `export default readFileSync(process.env.LAMBDA_TASK_ROOT + ${JSON.stringify(`/${file}`)}, 'utf8');`,
    '',
  ].join('\n');
