import type { AttributeValue } from '../values.ts';

/**
 * Expressions as data. V is what stands for a value: a placeholder's text as parsed (`:v`), or the value
 * itself once bound. A path's strings are attribute names (`#n` until bound), its numbers list indexes.
 */
export type Path = readonly [string, ...(string | number)[]];

export type Operand<V> =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: V }
  | { readonly kind: 'size'; readonly of: Operand<V> };

export const COMPARATORS = ['=', '<>', '<', '<=', '>', '>='] as const;
export type Comparator = (typeof COMPARATORS)[number];

export const FUNCTION_ARITY = {
  attribute_exists: 1,
  attribute_not_exists: 1,
  attribute_type: 2,
  begins_with: 2,
  contains: 2,
} as const;
export type FunctionName = keyof typeof FUNCTION_ARITY;

export type Condition<V> =
  | { readonly kind: 'and' | 'or'; readonly left: Condition<V>; readonly right: Condition<V> }
  | { readonly kind: 'not'; readonly condition: Condition<V> }
  | {
      readonly kind: 'compare';
      readonly operator: Comparator;
      readonly left: Operand<V>;
      readonly right: Operand<V>;
    }
  | {
      readonly kind: 'between';
      readonly value: Operand<V>;
      readonly low: Operand<V>;
      readonly high: Operand<V>;
    }
  | { readonly kind: 'in'; readonly value: Operand<V>; readonly candidates: readonly Operand<V>[] }
  | { readonly kind: 'function'; readonly name: FunctionName; readonly operands: readonly Operand<V>[] };

/** What SET assigns. */
export type Assigned<V> =
  | Operand<V>
  | { readonly kind: 'if_not_exists'; readonly path: Path; readonly otherwise: Assigned<V> }
  | { readonly kind: 'list_append'; readonly left: Assigned<V>; readonly right: Assigned<V> }
  | {
      readonly kind: 'arithmetic';
      readonly operator: '+' | '-';
      readonly left: Assigned<V>;
      readonly right: Assigned<V>;
    };

export type Update<V> = {
  readonly set: readonly { readonly path: Path; readonly value: Assigned<V> }[];
  readonly remove: readonly Path[];
  readonly add: readonly { readonly path: Path; readonly value: V }[];
  readonly delete: readonly { readonly path: Path; readonly value: V }[];
};

export type BoundCondition = Condition<AttributeValue>;
export type BoundUpdate = Update<AttributeValue>;
export type BoundOperand = Operand<AttributeValue>;
export type BoundAssigned = Assigned<AttributeValue>;
