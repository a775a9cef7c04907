/**
 * How much a record of one call knows, as more than one may be made of it: what was expected when the work
 * began, what came of it, what the change's own transaction wrote. The more certain one stays, whatever the
 * order in which they arrive.
 */
export const CERTAINTY = { expected: 0, observed: 1, committed: 2 } as const;
export type Certainty = keyof typeof CERTAINTY;
