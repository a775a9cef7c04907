import { posix } from 'node:path';
import { importProblem } from '../layers.ts';
import { repositoryPath, type Rule } from '../rule.ts';
import { visitSpecifiers } from '../specifiers.ts';

/** Keeps the layers apart (see layers.ts), and every import of our own relative, with its extension. */
export const imports: Rule = {
  create(context) {
    const file = repositoryPath(context);
    return visitSpecifiers(({ specifier, node }) => {
      const message = specifierProblem(file, specifier);
      if (message !== undefined) context.report({ node, message });
    });
  },
};

function specifierProblem(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('/') || specifier.startsWith('file:') || specifier.startsWith('#')) {
    return `import ${specifier} by its relative path`;
  }
  if (!specifier.startsWith('.')) return undefined;
  if (posix.extname(specifier) === '') return `the import of ${specifier} lacks its extension`;
  const imported = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (imported.startsWith('../')) return `${specifier} is outside the repository`;
  return importProblem(file, imported);
}
