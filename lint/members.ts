import type { Expression, MemberExpression, Rule } from './rule.ts';
import { constantText } from './specifiers.ts';

type Visitors = ReturnType<Rule['create']>;
type Node = Parameters<NonNullable<Visitors['MemberExpression' | 'VariableDeclarator']>>[0];

/** A use of a global object: a member of it, or the object itself under another name (member undefined). */
export type Use = { readonly global: string; readonly member: string | undefined; readonly node: Node };

/**
 * Visits the members of the named globals that code takes: `process.env`, `process['env']`,
 * `globalThis.process.env`, `const { env } = process`, and `const p = process`, which could be anything.
 */
export function visitMembers(globals: readonly string[], visit: (use: Use) => void): Visitors {
  const globalOf = (node: Expression): string | undefined => {
    const name = node.type === 'Identifier' ? node.name : globalThisMember(node);
    return name !== undefined && globals.includes(name) ? name : undefined;
  };
  return {
    MemberExpression(node) {
      const global = globalOf(node.object);
      if (global !== undefined) visit({ global, member: memberName(node), node });
    },
    VariableDeclarator(node) {
      const global = node.init === null ? undefined : globalOf(node.init);
      if (global === undefined) return;
      if (node.id.type !== 'ObjectPattern') return visit({ global, member: undefined, node });
      for (const property of node.id.properties) {
        const key = property.type === 'Property' && !property.computed ? property.key : undefined;
        const member = key?.type === 'Identifier' ? key.name : undefined;
        visit({ global, member, node });
      }
    },
  };
}

function globalThisMember(node: Expression): string | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  return node.object.type === 'Identifier' && node.object.name === 'globalThis'
    ? memberName(node)
    : undefined;
}

/** The name of the member, or undefined when it is only known at run time. */
export function memberName(node: MemberExpression): string | undefined {
  if (node.property.type === 'PrivateIdentifier') return undefined;
  if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : undefined;
  return constantText(node.property);
}
