import { valueSize } from '../size.ts';
import {
  compareValues,
  equalValues,
  setElements,
  typeOf,
  type AttributeValue,
  type Item,
} from '../values.ts';
import type { BoundCondition, BoundOperand, Comparator } from './ast.ts';
import { valueAt } from './paths.ts';

/** Whether an item (empty if there is none) meets a condition. */
export function evaluate(condition: BoundCondition, item: Item): boolean {
  switch (condition.kind) {
    case 'and':
      return evaluate(condition.left, item) && evaluate(condition.right, item);
    case 'or':
      return evaluate(condition.left, item) || evaluate(condition.right, item);
    case 'not':
      return !evaluate(condition.condition, item);
    case 'compare':
      return compare(condition.operator, resolve(condition.left, item), resolve(condition.right, item));
    case 'between':
      return (
        compare('>=', resolve(condition.value, item), resolve(condition.low, item)) &&
        compare('<=', resolve(condition.value, item), resolve(condition.high, item))
      );
    case 'in':
      return condition.candidates.some((candidate) =>
        compare('=', resolve(condition.value, item), resolve(candidate, item)),
      );
    case 'function':
      return call(condition, item);
  }
}

function resolve(operand: BoundOperand, item: Item): AttributeValue | undefined {
  if (operand.kind === 'value') return operand.value;
  if (operand.kind === 'path') return valueAt(item, operand.path);
  const value = resolve(operand.of, item);
  const size = value && sizeOf(value);
  return size === undefined ? undefined : { N: String(size) };
}

/** The `size` function: bytes of a string or binary, elements of anything else; none for other scalars. */
function sizeOf(value: AttributeValue): number | undefined {
  if ('S' in value || 'B' in value) return valueSize(value);
  if ('L' in value) return value.L.length;
  if ('M' in value) return Object.keys(value.M).length;
  return setElements(value)?.length;
}

/** A missing operand makes every comparison false but `<>`. */
function compare(
  operator: Comparator,
  left: AttributeValue | undefined,
  right: AttributeValue | undefined,
): boolean {
  const equal = left !== undefined && right !== undefined && equalValues(left, right);
  if (operator === '=') return equal;
  if (operator === '<>') return !equal;
  const order = left && right && compareValues(left, right);
  if (order === undefined) return false;
  switch (operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function call(condition: BoundCondition & { kind: 'function' }, item: Item): boolean {
  const [value, argument] = condition.operands.map((operand) => resolve(operand, item));
  if (condition.name === 'attribute_not_exists') return value === undefined;
  if (value === undefined) return false;
  if (condition.name === 'attribute_exists') return true;
  if (argument === undefined) return false;
  switch (condition.name) {
    case 'attribute_type':
      return 'S' in argument && typeOf(value) === argument.S;
    case 'begins_with':
      return beginsWith(value, argument);
    case 'contains':
      return contains(value, argument);
  }
}

function beginsWith(value: AttributeValue, prefix: AttributeValue): boolean {
  if ('S' in value && 'S' in prefix) return value.S.startsWith(prefix.S);
  if (!('B' in value && 'B' in prefix)) return false;
  const bytes = Buffer.from(prefix.B, 'base64');
  return Buffer.from(value.B, 'base64').subarray(0, bytes.length).equals(bytes);
}

function contains(value: AttributeValue, part: AttributeValue): boolean {
  if ('S' in value) return 'S' in part && value.S.includes(part.S);
  if ('B' in value) {
    return 'B' in part && Buffer.from(value.B, 'base64').includes(Buffer.from(part.B, 'base64'));
  }
  if ('L' in value) return value.L.some((element) => equalValues(element, part));
  if ('SS' in value) return 'S' in part && value.SS.includes(part.S);
  if ('NS' in value) return 'N' in part && value.NS.includes(part.N);
  return 'BS' in value && 'B' in part && value.BS.includes(part.B);
}
