import { memberName } from '../members.ts';
import type { Expression, Rule } from '../rule.ts';

const DEFINERS = ['test', 'it', 'describe'];

/**
 * No test hides the others (`.only`), and no assertion about a promise goes unawaited: it would pass
 * whatever the promise does. (The jest rules of oxlint do not know `bun:test`.)
 */
export const honestTests: Rule = {
  create(context) {
    return {
      MemberExpression(node) {
        const { object } = node;
        const name = memberName(node);
        if (name === 'only' && object.type === 'Identifier' && DEFINERS.includes(object.name)) {
          context.report({ node, message: `${object.name}.only hides all other tests` });
        }
        if ((name !== 'rejects' && name !== 'resolves') || !isExpectCall(object)) return;
        let outermost: { readonly type: string; readonly parent?: unknown } = node;
        let parent: unknown = node.parent;
        while (isNode(parent) && (parent.type === 'MemberExpression' || parent.type === 'CallExpression')) {
          outermost = parent;
          parent = parent.parent;
        }
        if (isNode(parent) && takesPromise(parent, outermost)) return;
        context.report({ node, message: `await expect(...).${name}: without it the test cannot fail` });
      },
    };
  },
};

type Parented = { readonly type: string; readonly parent?: unknown; readonly body?: unknown };

const isNode = (value: unknown): value is Parented =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

const isExpectCall = (node: Expression): boolean =>
  node.type === 'CallExpression' && node.callee.type === 'Identifier' && node.callee.name === 'expect';

/** Whether a node hands the promise on: awaited, returned, or the value of an arrow function. */
function takesPromise(parent: Parented, promise: unknown): boolean {
  if (parent.type === 'ArrowFunctionExpression') return parent.body === promise;
  return (
    parent.type === 'AwaitExpression' ||
    parent.type === 'ReturnStatement' ||
    parent.type === 'ArrayExpression'
  );
}
