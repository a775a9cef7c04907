import type { Expression, Rule } from './rule.ts';

type Visitors = ReturnType<Rule['create']>;
type Reportable = Expression | Parameters<NonNullable<Visitors['TSImportType']>>[0];

export type Specifier = {
  readonly specifier: string;
  readonly node: Reportable;
  /** Types alone are imported: nothing is loaded at run time. */
  readonly typeOnly: boolean;
};

/** Visits every way a module names another: import, export from, import(), require() and import types. */
export function visitSpecifiers(visit: (specifier: Specifier) => void): Visitors {
  return {
    ImportDeclaration(node) {
      visit({ specifier: node.source.value, node: node.source, typeOnly: node.importKind === 'type' });
    },
    ExportNamedDeclaration(node) {
      if (node.source === null) return;
      visit({ specifier: node.source.value, node: node.source, typeOnly: node.exportKind === 'type' });
    },
    ExportAllDeclaration(node) {
      visit({ specifier: node.source.value, node: node.source, typeOnly: node.exportKind === 'type' });
    },
    ImportExpression(node) {
      const specifier = constantText(node.source);
      if (specifier !== undefined) visit({ specifier, node: node.source, typeOnly: false });
    },
    CallExpression(node) {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'require') return;
      const [argument] = node.arguments;
      if (argument === undefined || argument.type === 'SpreadElement') return;
      const specifier = constantText(argument);
      if (specifier !== undefined) visit({ specifier, node: argument, typeOnly: false });
    },
    TSImportType(node) {
      visit({ specifier: node.source.value, node, typeOnly: true });
    },
  };
}

/** The text of a string or of a template without holes. */
export function constantText(node: Expression): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type !== 'TemplateLiteral' || node.expressions.length > 0) return undefined;
  return node.quasis[0]?.value.cooked ?? undefined;
}
