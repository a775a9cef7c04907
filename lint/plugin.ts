import type { Rule } from './rule.ts';
import { clients } from './rules/clients.ts';
import { doubleAssertion } from './rules/double-assertion.ts';
import { edgeFirst } from './rules/edge-first.ts';
import { environment } from './rules/environment.ts';
import { honestTests } from './rules/honest-tests.ts';
import { imports } from './rules/imports.ts';
import { spawning } from './rules/spawning.ts';

const rules: Record<string, Rule> = {
  imports,
  environment,
  clients,
  spawning,
  'double-assertion': doubleAssertion,
  'edge-first': edgeFirst,
  'honest-tests': honestTests,
};

/** Outpost's own lint rules: the ones of the design that no existing rule can state. */
export default { meta: { name: 'outpost' }, rules };
