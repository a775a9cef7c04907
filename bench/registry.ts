import type { Bench } from './model.ts';

/** All benchmarks, in the order in which they run and are reported. */
export const BENCHES: readonly Bench[] = [];
