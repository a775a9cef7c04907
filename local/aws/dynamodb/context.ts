import type { Now } from '../service.ts';
import type { Catalog } from './catalog.ts';
import type { Input } from './parameters.ts';
import type { Store } from './store.ts';

/** What every operation works with. */
export type Context = { readonly store: Store; readonly catalog: Catalog; readonly now: Now };

/** One DynamoDB operation: its allow-list of parameters and what it does. */
export type Operation = {
  readonly parameters: readonly string[];
  readonly run: (context: Context, input: Input) => Record<string, unknown>;
};
