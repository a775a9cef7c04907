import { join } from 'node:path';
import type { BunPlugin } from 'bun';

const STAND_IN = join(import.meta.dirname, 'arktype.ts');
const VALIDATORS = join(import.meta.dirname, 'validators.ts');

/**
 * Puts the stand-in (arktype.ts) in arktype's place wherever our own modules import it, and `validators` in the
 * place of the empty module of that name. `onImport` is told of each module that imports arktype.
 */
export const standIn = (options: {
  readonly validators?: string;
  readonly onImport?: (module: string) => void;
}): BunPlugin => ({
  name: 'arktype-stand-in',
  setup(build) {
    build.onResolve({ filter: /^arktype$/ }, ({ importer }) => {
      if (importer === STAND_IN || importer.includes('/node_modules/')) return undefined;
      options.onImport?.(importer);
      return { path: STAND_IN };
    });
    build.onLoad({ filter: /\/validators\.ts$/ }, ({ path }) =>
      path === VALIDATORS && options.validators !== undefined
        ? { contents: options.validators, loader: 'js' }
        : undefined,
    );
  },
});
