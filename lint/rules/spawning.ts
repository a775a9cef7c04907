import { maySpawn } from '../layers.ts';
import { visitMembers } from '../members.ts';
import { repositoryPath, type Rule } from '../rule.ts';
import { visitSpecifiers } from '../specifiers.ts';

const BUN_SPAWNERS = ['spawn', 'spawnSync', '$'];
const SPAWNING_MODULES = ['child_process', 'node:child_process', 'cluster', 'node:cluster'];
const MESSAGE = 'only worker/launcher starts processes: argv without a shell, an explicit environment';

/** Only the launcher starts processes. */
export const spawning: Rule = {
  create(context) {
    if (maySpawn(repositoryPath(context))) return {};
    const modules = visitSpecifiers(({ specifier, node, typeOnly }) => {
      if (!typeOnly && SPAWNING_MODULES.includes(specifier)) context.report({ node, message: MESSAGE });
    });
    return {
      ...modules,
      ...visitMembers(['Bun', 'Deno'], ({ global, member, node }) => {
        const spawners = global === 'Bun' ? BUN_SPAWNERS : ['Command'];
        if (member === undefined || spawners.includes(member)) context.report({ node, message: MESSAGE });
      }),
      ImportDeclaration(node) {
        modules.ImportDeclaration?.(node);
        if (node.source.value !== 'bun' || node.importKind === 'type') return;
        for (const specifier of node.specifiers) {
          const named = specifier.type === 'ImportSpecifier' ? specifier.imported : undefined;
          const name = named?.type === 'Identifier' ? named.name : undefined;
          if (name === undefined || BUN_SPAWNERS.includes(name)) {
            context.report({ node: specifier, message: MESSAGE });
          }
        }
      },
    };
  },
};
