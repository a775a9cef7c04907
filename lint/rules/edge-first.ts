import { isBuiltin } from 'node:module';
import { isEdgeFirst } from '../layers.ts';
import { repositoryPath, type Rule } from '../rule.ts';
import { visitSpecifiers } from '../specifiers.ts';

const RUNTIME_GLOBALS = [
  'Bun',
  'Deno',
  'Buffer',
  'process',
  'global',
  'require',
  'module',
  '__dirname',
  '__filename',
  'setImmediate',
  'clearImmediate',
];
const RUNTIME_META = ['dir', 'dirname', 'file', 'filename', 'path', 'require', 'main', 'resolve'];

/** The API and shared code run on any runtime: web standards, npm packages and node:crypto. */
export const edgeFirst: Rule = {
  create(context) {
    if (!isEdgeFirst(repositoryPath(context))) return {};
    return {
      ...visitSpecifiers(({ specifier, node }) => {
        if (!isRuntimeModule(specifier)) return;
        context.report({
          node,
          message: `${specifier} is not on every runtime: use web standards, npm or node:crypto`,
        });
      }),
      MetaProperty(node) {
        const { parent } = node;
        if (parent.type !== 'MemberExpression' || parent.property.type !== 'Identifier') return;
        if (!RUNTIME_META.includes(parent.property.name)) return;
        context.report({
          node: parent,
          message: `import.meta.${parent.property.name} is not on every runtime`,
        });
      },
      MemberExpression(node) {
        if (node.object.type !== 'Identifier' || node.object.name !== 'globalThis') return;
        if (node.property.type !== 'Identifier' || !RUNTIME_GLOBALS.includes(node.property.name)) return;
        context.report({ node, message: `${node.property.name} is not on every runtime: use web standards` });
      },
      'Program:exit'(program) {
        const { scopeManager } = context.sourceCode;
        const references = scopeManager.acquire(program)?.through ?? [];
        for (const { identifier } of references) {
          if (!RUNTIME_GLOBALS.includes(identifier.name)) continue;
          context.report({
            node: identifier,
            message: `${identifier.name} is not on every runtime: use web standards`,
          });
        }
      },
    };
  },
};

/** `bun` and `deno` modules, and what Node has built in (`fs` as much as `node:fs`). */
function isRuntimeModule(specifier: string): boolean {
  if (specifier === 'node:crypto') return false;
  if (/^(bun|deno)(:|$)/.test(specifier)) return true;
  return specifier.startsWith('node:') || isBuiltin(specifier);
}
