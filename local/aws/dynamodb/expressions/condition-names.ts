import type { BoundCondition, BoundOperand } from './ast.ts';

/** The top-level attributes a condition looks at. */
export function conditionNames(condition: BoundCondition): string[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return [...conditionNames(condition.left), ...conditionNames(condition.right)];
    case 'not':
      return conditionNames(condition.condition);
    case 'compare':
      return [condition.left, condition.right].flatMap(operandNames);
    case 'between':
      return [condition.value, condition.low, condition.high].flatMap(operandNames);
    case 'in':
      return [condition.value, ...condition.candidates].flatMap(operandNames);
    case 'function':
      return condition.operands.flatMap(operandNames);
  }
}

function operandNames(operand: BoundOperand): string[] {
  if (operand.kind === 'path') return [operand.path[0]];
  return operand.kind === 'size' ? operandNames(operand.of) : [];
}
