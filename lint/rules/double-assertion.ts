import type { Rule } from '../rule.ts';

/** `as unknown as T` says nothing that the compiler can check: parse the value instead. */
export const doubleAssertion: Rule = {
  create(context) {
    return {
      TSAsExpression(node) {
        const { expression } = node;
        if (expression.type !== 'TSAsExpression') return;
        if (expression.typeAnnotation.type !== 'TSUnknownKeyword') return;
        context.report({ node, message: 'a value is parsed into its type, not asserted through unknown' });
      },
    };
  },
};
