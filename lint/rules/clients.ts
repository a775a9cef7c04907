import { mayConstructClients } from '../layers.ts';
import { memberName } from '../members.ts';
import {
  type Expression,
  type ImportDeclaration,
  type NewExpression,
  repositoryPath,
  type Rule,
  type VariableDeclarator,
} from '../rule.ts';
import { constantText } from '../specifiers.ts';

const CLIENT_PACKAGES = /^(@aws-sdk\/(client|lib)-.+|stripe)$/;
/** What the same packages export and everyone may construct. */
const VALUES = /(Command|Exception)$/;

/** Only a deps.ts constructs AWS and Stripe clients, so that a process has one of each. */
export const clients: Rule = {
  create(context) {
    if (mayConstructClients(repositoryPath(context))) return {};
    const names = clientNames();
    const constructions: NewExpression[] = [];
    return {
      ImportDeclaration: names.fromImport,
      VariableDeclarator: names.fromDynamicImport,
      NewExpression: (node) => void constructions.push(node),
      // Imports are hoisted, so constructions are judged once all names are known.
      'Program:exit'() {
        for (const node of constructions) {
          const name = names.exportOf(node.callee);
          if (name === undefined || VALUES.test(name)) continue;
          context.report({
            node,
            message: 'only a deps.ts constructs clients: take one from the dependencies',
          });
        }
      },
    };
  },
};

/** Follows the local names that a module gives to the exports of client packages. */
function clientNames() {
  const exports = new Map<string, string>();
  const packages = new Set<string>();
  return {
    fromImport(node: ImportDeclaration): void {
      if (!CLIENT_PACKAGES.test(node.source.value)) return;
      for (const specifier of node.specifiers) {
        if (specifier.type === 'ImportNamespaceSpecifier') packages.add(specifier.local.name);
        else if (specifier.type === 'ImportDefaultSpecifier') exports.set(specifier.local.name, 'default');
        else exports.set(specifier.local.name, exportName(specifier.imported));
      }
    },
    fromDynamicImport(node: VariableDeclarator): void {
      if (node.init === null || !loadsClientPackage(node.init)) return;
      if (node.id.type === 'Identifier') packages.add(node.id.name);
      if (node.id.type !== 'ObjectPattern') return;
      for (const property of node.id.properties) {
        if (property.type !== 'Property' || property.value.type !== 'Identifier') continue;
        const exported = property.key.type === 'Identifier' ? property.key.name : property.value.name;
        exports.set(property.value.name, exported);
      }
    },
    /** The export that an expression names, if it comes from a client package. */
    exportOf(node: Expression): string | undefined {
      if (node.type === 'Identifier') return exports.get(node.name);
      if (node.type !== 'MemberExpression' || node.object.type !== 'Identifier') return undefined;
      return packages.has(node.object.name) ? memberName(node) : undefined;
    },
  };
}

function exportName(node: { type: string; name?: string; value?: string }): string {
  return node.name ?? node.value ?? '';
}

function loadsClientPackage(node: Expression): boolean {
  if (node.type !== 'AwaitExpression' || node.argument.type !== 'ImportExpression') return false;
  return CLIENT_PACKAGES.test(constantText(node.argument.source) ?? '');
}
