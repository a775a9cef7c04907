import type { Type } from 'arktype';

/**
 * A model as JSON Schema (2020-12). The one kind of predicate that models have, "not a list", is what JSON
 * Schema's `type: object` says by itself, so predicates are left out.
 */
export const jsonSchemaOf = (model: Type): object =>
  model.toJsonSchema({ fallback: { predicate: ({ base }) => base } });
