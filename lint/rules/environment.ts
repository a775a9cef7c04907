import { mayReadEnvironment } from '../layers.ts';
import { visitMembers } from '../members.ts';
import { repositoryPath, type Rule } from '../rule.ts';

const PROCESS_MODULES = ['process', 'node:process', 'bun'];
const MESSAGE = 'only an entry reads the environment: take what is needed from its configuration';

/** Only the files a process starts with read the environment; the rest is given what it needs. */
export const environment: Rule = {
  create(context) {
    if (mayReadEnvironment(repositoryPath(context))) return {};
    return {
      ...visitMembers(['process', 'Bun', 'Deno'], ({ member, node }) => {
        if (member === undefined || member === 'env') context.report({ node, message: MESSAGE });
      }),
      MetaProperty(node) {
        const { parent } = node;
        if (parent.type !== 'MemberExpression' || parent.property.type !== 'Identifier') return;
        if (parent.property.name === 'env') context.report({ node: parent, message: MESSAGE });
      },
      ImportDeclaration(node) {
        if (!PROCESS_MODULES.includes(node.source.value) || node.importKind === 'type') return;
        for (const specifier of node.specifiers) {
          const named = specifier.type === 'ImportSpecifier' ? specifier.imported : undefined;
          const name = named?.type === 'Identifier' ? named.name : undefined;
          if (name === undefined || name === 'env') context.report({ node: specifier, message: MESSAGE });
        }
      },
    };
  },
};
